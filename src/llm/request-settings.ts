/** What the requests of most APIs say alike beside texts. */

/** The model asked for; undefined when it is not told by its name. */
export function readModel(model: unknown): string | undefined {
  return typeof model === 'string' ? model : undefined
}

/** Only JSON true asks for a stream. Another reader might take `"true"` or 1 for it, so those are refused. */
export function readStream(stream: unknown): boolean | undefined | 'wrong-shape' {
  if (stream === undefined || typeof stream === 'boolean') return stream
  return stream === null ? false : 'wrong-shape'
}
