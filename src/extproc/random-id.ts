import { randomFillSync } from 'node:crypto'

const ID_BYTES = 16
/** Ids for so many exchanges are drawn at once: one draw costs as much whatever its size. */
const POOL_BYTES = 256 * ID_BYTES

/** Gives 32 hex digits, random each time: clients see them, and must not tell by them what else goes on. */
export function randomIds(): () => string {
  const pool = Buffer.alloc(POOL_BYTES)
  let at = POOL_BYTES
  return () => {
    if (at === POOL_BYTES) {
      randomFillSync(pool)
      at = 0
    }
    at += ID_BYTES
    return pool.toString('hex', at - ID_BYTES, at)
  }
}
