import { z } from 'zod'
import { askService, type GuardrailDeps } from '../service/ask-service.ts'
import type { PostJson } from '../service/http-client.ts'
import { type ServiceConfig, serviceKeys } from '../service/service-config.ts'
import { azureContentSafety } from './azure-content-safety/azure-content-safety.ts'
import { bedrock } from './bedrock/bedrock.ts'
import { bedrockChecks } from './bedrock-checks/bedrock-checks.ts'
import type { Guardrail, LocalGuardrail, RemoteGuardrail } from './guardrail.ts'
import { keywords } from './keywords/keywords.ts'
import type { KindGuide } from './kind-guide.ts'
import { lakera } from './lakera/lakera.ts'
import { llmJudge } from './llm-judge/llm-judge.ts'
import { localLinks } from './local-links/local-links.ts'
import { localPii } from './local-pii/local-pii.ts'
import { localPromptAttack } from './local-prompt-attack/local-prompt-attack.ts'
import { localSecrets } from './local-secrets/local-secrets.ts'
import { modelArmor } from './model-armor/model-armor.ts'
import { openaiModeration } from './openai-moderation/openai-moderation.ts'
import { presidio } from './presidio/presidio.ts'
import { regex } from './regex/regex.ts'
import { webhook } from './webhook/webhook.ts'

/** What is known of a kind without a config: for the schema, for secrets, and for what may run without a network. */
export interface GuardrailKind {
  /** Strict, with `kind` as a literal. */
  readonly configSchema: z.ZodType
  /** Keys whose value may be a secret reference and is masked wherever the config is shown. */
  readonly secretKeys: readonly string[]
  /** Keys that name files, and the key of the list that their lines join. */
  readonly listFiles?: Readonly<Record<string, string>>
  readonly locality: Guardrail['locality']
  readonly guide: KindGuide
}

/** The keys that every kind with a service has beside its own. */
export const serviceKeysSchema = z.strictObject(serviceKeys())

/** The kinds that ask a service: a row here is all that the registry needs of one. */
const REMOTE = {
  lakera,
  bedrock,
  'bedrock-checks': bedrockChecks,
  'openai-moderation': openaiModeration,
  'azure-content-safety': azureContentSafety,
  'model-armor': modelArmor,
  presidio,
  webhook,
  'llm-judge': llmJudge,
} as const

/** The kinds that judge in this process. */
const LOCAL = {
  keywords,
  regex,
  'local-pii': localPii,
  'local-secrets': localSecrets,
  'local-prompt-attack': localPromptAttack,
  'local-links': localLinks,
} as const

const { lakera: first, ...others } = { ...REMOTE, ...LOCAL }

/** The config of any one guardrail, told apart by `kind`. */
export const guardrailConfigSchema = z.discriminatedUnion('kind', [
  first.configSchema,
  ...Object.values(others).map(({ configSchema }) => configSchema),
])

/** Parsed, its defaults filled in. */
export type GuardrailConfig = z.output<typeof guardrailConfigSchema>

/** Every kind by the name it has in the config. */
export const guardrailKinds: Readonly<Record<GuardrailConfig['kind'], GuardrailKind>> = {
  ...REMOTE,
  ...LOCAL,
}

/**
 * Builds a guardrail from its parsed config, secrets resolved. `name` is its key in the config.
 * Throws WeirError `bad-config` for what only shows now, such as a resolved key that no header can carry.
 */
export function createGuardrail(name: string, config: GuardrailConfig, deps: GuardrailDeps): Guardrail {
  return 'timeout' in config
    ? askService(name, config, deps, postJson => remoteKinds[config.kind].create(name, config, { postJson }))
    : localKinds[config.kind].create(name, config)
}

type RemoteConfig = Extract<GuardrailConfig, ServiceConfig>
type LocalConfig = Exclude<GuardrailConfig, ServiceConfig>

/** Each `create` takes the config of its own kind: a row is found by the kind that its schema has checked. */
interface RemoteKind {
  create(name: string, config: RemoteConfig, deps: { readonly postJson: PostJson }): RemoteGuardrail
}
interface LocalKind {
  create(name: string, config: LocalConfig): LocalGuardrail
}

const remoteKinds: Readonly<Record<RemoteConfig['kind'], RemoteKind>> = REMOTE
const localKinds: Readonly<Record<LocalConfig['kind'], LocalKind>> = LOCAL
