/** Most variables of core and framework, idle and while updating, by how a board reaches its agent: of 2,630 on a Puck.js,
 *  the app needs its share. The real interpreter is held to them by `npm run espruino`. */
export const variableBars = { serial: [900, 1500], mqtt: [1100, 1700] } as const;
