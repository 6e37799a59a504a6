import { constants, type ServerHttp2Stream } from 'node:http2'

/** One for all resets: nobody looks at it. */
const RESET = new Error('the peer reset the stream')

/**
 * Node makes an error of every reset, stack trace and all, and Envoy ends each call by one: at thousands a second that
 * were 4 % of the time. A stream that is destroyed with an error at hand makes none.
 */
export function endQuietly(stream: ServerHttp2Stream): void {
  const destroy = stream.destroy
  stream.destroy = error => destroy.call(stream, error ?? resetOf(stream))
}

/** Those two codes are no errors to Node. */
function resetOf({ rstCode }: ServerHttp2Stream): Error | undefined {
  const isQuiet = rstCode === constants.NGHTTP2_NO_ERROR || rstCode === constants.NGHTTP2_CANCEL
  return isQuiet ? undefined : RESET
}
