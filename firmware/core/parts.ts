/** The core's loadable parts. `kit.part` evaluates one in place; nothing of it stays when the result is dropped. */
export const enum Part {
  Journal = 0,
  State = 1,
  Frames = 2,
  Handshake = 3,
  Client = 4,
  Report = 5,
  Orders = 6,
  Update = 7,
  Suit = 8,
  Lms = 9,
  Wipe = 10,
  Link = 11,
  Recovery = 12,
}
