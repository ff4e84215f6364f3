/** The version of the time zone database of this engine, e.g. `2026c`. */
export const TZ_VERSION = process.versions['tz'] ?? '(unknown)';
