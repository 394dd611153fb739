/** Tokens generated for an answer unless the caller says otherwise. A file of its own: page and worker need no more in common. */
export const DEFAULT_NEW_TOKENS = 64;
