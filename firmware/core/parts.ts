/** The core's loadable parts, in the order in which they stand in file `core`. */
export const enum Part {
  Frames = 0,
  Handshake = 1,
  Client = 2,
  Update = 3,
  Suit = 4,
  Lms = 5,
  Wipe = 6,
  Link = 7,
  Recovery = 8,
}
