/** The core's loadable parts. `kit.part` evaluates one in place; nothing of it stays when the result is dropped. */
export const enum Part {
  Journal = 0,
  State = 1,
  Frames = 2,
  Handshake = 3,
  Connect = 4,
  Client = 5,
  Report = 6,
  Orders = 7,
  Update = 8,
  Suit = 9,
  Lms = 10,
  Wipe = 11,
  Link = 12,
  Recovery = 13,
  Signed = 14,
  Check = 15,
  LmsSign = 16,
  Overrule = 17,
}

/** Parts that judge and write an image: a board whose image is fixed has none of them. */
export const imageParts: Part[] = [Part.Suit, Part.Lms, Part.Signed, Part.Check];

/** Parts that run so seldom that they are stored packed (heatshrink): about a fifth smaller, and their text is in RAM
 *  while they run. Nothing that runs at a check-in, inside an update's blocks or beside LMS belongs here. */
export const coldParts: Part[] = [Part.Suit, Part.Wipe, Part.Recovery, Part.LmsSign, Part.Overrule];
