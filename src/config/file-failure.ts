const TOO_LARGE = 'TOO_LARGE'

/** What is thrown in the place of a file that has more bytes than are read of one. */
export function tooLarge(maxBytes: number): Error {
  return Object.assign(new Error(`it is larger than ${maxBytes} bytes`), { code: TOO_LARGE })
}

/** Why a file cannot be read or written, by the system's code; never a path, and nothing of what is in it. */
export function fileFailure(error: unknown): string {
  if (!(error instanceof Error && 'code' in error)) return 'for no known reason'
  switch (error.code) {
    case 'ENOENT':
      return 'there is no such file'
    case 'EACCES':
      return 'permission denied'
    case 'EISDIR':
      return 'it is a directory'
    case TOO_LARGE:
      return error.message
    case 'ERR_ENCODING_INVALID_ENCODED_DATA':
      return 'it is not UTF-8'
    default:
      return String(error.code)
  }
}
