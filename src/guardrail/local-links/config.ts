import { z } from 'zod'
import { listFilesSchema } from '../list-files.ts'
import { FLAGS } from './judge.ts'

const MAX_DOMAINS = 1000
const DEFAULT_PAYLOAD_CHARS = 16

export const configSchema = z.strictObject({
  kind: z.literal('local-links'),
  allow_domains: z
    .array(z.string().regex(/^(?:\*\.)?[^\s/:@*?#]{1,253}$/, 'a domain such as example.com or *.example.com'))
    .max(MAX_DOMAINS)
    .default([])
    .describe('Hosts that links may lead to; `*.` in front stands for every subdomain.'),
  allow_domains_files: listFilesSchema('more of them'),
  flag: z
    .array(z.enum(FLAGS))
    .min(1)
    .optional()
    .describe(
      'What is a finding; when left out all but `link`, and `unknown` only where `allow_domains` names some.',
    ),
  bare_domains: z
    .boolean()
    .default(false)
    .describe('Also look at domains without a scheme, such as `www.example.com/x`.'),
  payload_chars: z
    .int()
    .min(1)
    .max(1024)
    .default(DEFAULT_PAYLOAD_CHARS)
    .describe(
      'For `image` and `link`: the fewest characters of a query value that count as carrying data; a part of the path needs three times as many.',
    ),
})

export type LocalLinksConfig = z.output<typeof configSchema>
