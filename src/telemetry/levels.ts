/** What can be said of the log by flags, apart from the logger, which takes long to load. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export const LOG_FORMATS = ['auto', 'json', 'text'] as const;
