import { closeSync, openSync, readSync } from 'node:fs'
import { WeirError } from '../errors.ts'
import { fileFailure, tooLarge } from './file-failure.ts'
import { MAX_SECRET_BYTES } from './secrets.ts'

/** A config is written by hand; a larger file is most likely the wrong one and is refused. */
const MAX_CONFIG_BYTES = 1_048_576

/** Ten thousand long words; a larger file is most likely the wrong one. */
const MAX_LIST_BYTES = 4_194_304

/** The text of a file of words; one past MAX_LIST_BYTES throws. Errors carry the system's `code`. */
export function readListFile(path: string): string {
  return readCapped(path, MAX_LIST_BYTES)
}

/** A bundle of all CAs of the web has a quarter of this. */
const MAX_TLS_BYTES = 1_048_576

/** The text of a file of certificates or of a key; one past MAX_TLS_BYTES throws. Errors carry the system's `code`. */
export function readTlsFile(path: string): string {
  return readCapped(path, MAX_TLS_BYTES)
}

/** The text of a secret file; a file past MAX_SECRET_BYTES throws. Errors carry the system's `code`. */
export function readSecretFile(path: string): string {
  return readCapped(path, MAX_SECRET_BYTES)
}

/**
 * The text of a config file, or of another that is written by hand: `what` names it in errors.
 *
 * @throws WeirError `bad-config` when it cannot be read, is not UTF-8 or is larger than MAX_CONFIG_BYTES
 */
export function readConfigFile(path: string, what = 'the config'): string {
  try {
    return readCapped(path, MAX_CONFIG_BYTES)
  } catch (cause) {
    const problems = [{ path: '', message: fileFailure(cause) }]
    throw new WeirError('bad-config', `${what} ${path} cannot be read`, { problems })
  }
}

/** Read by descriptor and not by size: a pipe or a file under /proc has a size of 0. */
function readCapped(path: string, maxBytes: number): string {
  const buffer = Buffer.allocUnsafe(maxBytes + 1)
  const file = openSync(path, 'r')
  try {
    let length = 0
    for (;;) {
      const read = readSync(file, buffer, length, buffer.length - length, null)
      length += read
      if (length > maxBytes) throw tooLarge(maxBytes)
      if (read === 0) return new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length))
    }
  } finally {
    closeSync(file)
  }
}
