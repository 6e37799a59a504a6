import { z } from 'zod'
import { baseUrlSchema, serviceKeys } from '../../service/service-config.ts'

export const configSchema = z.strictObject({
  kind: z.literal('model-armor'),
  project: z
    .string()
    .regex(/^\w[\w.:-]{0,99}$/, 'must be a project id or number')
    .describe('The Google Cloud project that the template is in.'),
  location: z
    .string()
    .regex(/^[a-z0-9-]{1,63}$/, 'must be a location such as europe-west4')
    .describe('Where the template is; the service is asked there.'),
  template: z
    .string()
    .regex(/^[\w-]{1,63}$/, 'must be the id of a template')
    .describe('The id of the template that says which filters run and what they let pass.'),
  access_token: z
    .string()
    .min(1)
    .optional()
    .describe(
      'OAuth 2.0 bearer token of the scope cloud-platform, as a secret reference; Google’s last an hour, so whatever keeps it has to renew it. Only where `endpoint` names a proxy that adds a token it may be left out.',
    ),
  endpoint: baseUrlSchema()
    .optional()
    .describe(
      'Another place to ask, such as a Private Service Connect address or a proxy; `/v1/projects/…` is added to it. Left out: https://modelarmor.<location>.rep.googleapis.com.',
    ),
  ...serviceKeys(),
})

export type ModelArmorConfig = z.output<typeof configSchema>
