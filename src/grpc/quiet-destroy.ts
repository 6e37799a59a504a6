import { constants, type ServerHttp2Stream } from 'node:http2'
import { Duplex } from 'node:stream'

/** One for all resets: nobody looks at it. */
const RESET = new Error('the peer reset the stream')

const destroy = Duplex.prototype.destroy

/**
 * A stream's own `destroy`. Node makes an error of every reset, stack trace and all, and Envoy ends each call by one: at
 * thousands a second that were 4 % of the time. A stream that is destroyed with an error at hand makes none.
 */
export function destroyQuietly(this: ServerHttp2Stream, error?: Error): ServerHttp2Stream {
  destroy.call(this, error ?? resetOf(this))
  return this
}

/** Those two codes are no errors to Node. */
function resetOf({ rstCode }: ServerHttp2Stream): Error | undefined {
  const isQuiet = rstCode === constants.NGHTTP2_NO_ERROR || rstCode === constants.NGHTTP2_CANCEL
  return isQuiet ? undefined : RESET
}
