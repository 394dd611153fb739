export const CHANNEL = 'gmsa-web observed workers';
export type Command = 'lose the device' | 'run out of memory';
