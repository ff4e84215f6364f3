/** What an event says of an error. */
export interface ErrorDescription {
  readonly error_name?: string | undefined;
  readonly error_code?: string | undefined;
  readonly error_message?: string | undefined;
}

/** The service's function makes the description. When it fails, the event goes out without one. */
export function describe(error: unknown, by: (error: unknown) => ErrorDescription): ErrorDescription {
  try {
    const { error_name, error_code, error_message } = by(error);
    return {
      ...text('error_name', error_name),
      ...text('error_code', error_code),
      ...text('error_message', error_message),
    };
  } catch {
    return {};
  }
}

/** Stamping cuts a text that is too long. */
function text(member: keyof ErrorDescription, value: unknown): ErrorDescription {
  return typeof value === 'string' ? { [member]: value } : {};
}

/** The default: messages of errors may contain secrets. */
export function nameAndCode(error: unknown): ErrorDescription {
  if (!(error instanceof Error)) return { error_name: error === null ? 'null' : typeof error };
  const { code } = error as { code?: unknown };
  return { error_name: error.name, ...(typeof code === 'string' && { error_code: code }) };
}
