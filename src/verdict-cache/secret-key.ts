import { createHmac } from 'node:crypto'

/** What one secret is used for. Each use has a key of its own, so that no output of one can be passed off as another's. */
export interface CacheKeys {
  /** Makes the keys that verdicts are stored by: HMAC-SHA-256 in hex. */
  readonly digest: (text: string) => string
  /** Vouches for a stored value. */
  readonly seal: (text: string) => Buffer
}

/** Replicas that share a store share the secret; whoever has it can forge verdicts. */
export function cacheKeys(secret: string | Uint8Array): CacheKeys {
  const forDigest = createHmac('sha256', secret).update('weir verdict cache: keys').digest()
  const forSeal = createHmac('sha256', secret).update('weir verdict cache: seals').digest()
  return {
    digest: text => createHmac('sha256', forDigest).update(text).digest('hex'),
    seal: text => createHmac('sha256', forSeal).update(text).digest(),
  }
}
