import { z } from 'zod'

/** Names become metric labels, log fields and the value of a gRPC header: one short word in plain ASCII. */
export const nameSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/, {
  error:
    'a name is 1 to 128 letters, digits, dots, dashes, underscores or slashes, and starts with a letter or digit',
})
