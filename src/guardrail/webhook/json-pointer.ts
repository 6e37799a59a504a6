const POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/

/** Whether a text is a JSON pointer (RFC 6901): empty for the whole value, else `/` before each key. */
export function isPointer(text: string): boolean {
  return POINTER.test(text)
}

/** What a valid pointer points at; undefined where there is nothing. */
export function valueAt(root: unknown, pointer: string): unknown {
  let value = root
  for (const token of pointer.split('/').slice(1)) {
    value = memberOf(value, token.replaceAll('~1', '/').replaceAll('~0', '~'))
  }
  return value
}

function memberOf(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return /^(?:0|[1-9]\d{0,8})$/.test(key) ? value[Number(key)] : undefined
  if (typeof value !== 'object' || value === null) return undefined
  return Object.getOwnPropertyDescriptor(value, key)?.value
}
