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
}
