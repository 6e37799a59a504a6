import { crc32 } from 'node:zlib'
import type { Chance } from '../chance.ts'

const DIGITS = '0123456789'
const LOWER = 'abcdefghijklmnopqrstuvwxyz'
const UPPER = LOWER.toUpperCase()
const HEX = '0123456789abcdef'
const ALNUM = DIGITS + UPPER + LOWER
const URL64 = `${ALNUM}-_`
const BASE64 = `${ALNUM}+/`

type Make = (chance: Chance) => string

/** A fixed beginning and so many characters behind it. */
const prefixed =
  (prefix: string, alphabet: string, length: number): Make =>
  chance =>
    prefix + chance.word(alphabet, length)

/** GitHub and npm end their tokens with a CRC-32 in base 62, six digits. */
const checked =
  (prefix: string): Make =>
  chance => {
    const random = chance.word(ALNUM, 30)
    let rest = crc32(random)
    let check = ''
    for (let i = 0; i < 6; i++) {
      check = ALNUM.charAt(rest % 62) + check
      rest = Math.floor(rest / 62)
    }
    return prefix + random + check
  }

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const jwt: Make = chance =>
  [
    base64url({ alg: chance.pick(['HS256', 'RS256', 'ES256']), typ: 'JWT' }),
    base64url({ sub: chance.digits(10), name: 'A. Miller', iat: 1_700_000_000 + chance.integer(0, 9e6) }),
    chance.word(URL64, 43),
  ].join('.')

const lines = (text: string): string => (text.match(/.{1,64}/g) ?? []).join('\n')

const privateKey =
  (kind: string, bodyStart: string, length: number): Make =>
  chance =>
    `-----BEGIN ${kind}PRIVATE KEY-----\n${lines(bodyStart + chance.word(BASE64, length))}\n-----END ${kind}PRIVATE KEY-----`

const password: Make = chance => chance.word(`${ALNUM}!$%^_`, chance.integer(12, 24))

const connection =
  (scheme: string, rest: string): Make =>
  chance =>
    `${scheme}://${chance.pick(['app', 'admin', 'svc_orders'])}:${chance.word(ALNUM, chance.integer(10, 20))}@${rest}`

/** By kind: values in the shape that each provider gives its keys. All of them are made up. */
export const SECRETS: Readonly<Record<string, Make>> = {
  aws_access_key: prefixed('AKIA', `${UPPER}234567`, 16),
  aws_secret_key: chance => `aws_secret_access_key = ${chance.word(BASE64, 40)}`,
  gcp_api_key: prefixed('AIza', URL64, 35),
  azure_storage_key: chance =>
    `DefaultEndpointsProtocol=https;AccountName=data${chance.digits(3)};AccountKey=${chance.word(BASE64, 86)}==;EndpointSuffix=core.windows.net`,
  github_token: checked('ghp_'),
  github_oauth: checked('gho_'),
  github_fine_grained: chance => `github_pat_${chance.word(ALNUM, 22)}_${chance.word(ALNUM, 59)}`,
  gitlab_token: prefixed('glpat-', URL64, 20),
  npm_token: checked('npm_'),
  pypi_token: prefixed('pypi-AgEIcHlwaS5vcmc', URL64, 140),
  openai_key: chance => `sk-proj-${chance.word(URL64, 58)}T3BlbkFJ${chance.word(URL64, 58)}`,
  openai_legacy_key: chance => `sk-${chance.word(ALNUM, 20)}T3BlbkFJ${chance.word(ALNUM, 20)}`,
  anthropic_key: chance => `sk-ant-api03-${chance.word(URL64, 93)}AA`,
  huggingface_token: prefixed('hf_', UPPER + LOWER, 34),
  groq_key: prefixed('gsk_', ALNUM, 52),
  openrouter_key: prefixed('sk-or-v1-', HEX, 64),
  stripe_key: prefixed('sk_live_', ALNUM, 24),
  stripe_restricted_key: prefixed('rk_live_', ALNUM, 24),
  square_token: prefixed('EAAA', URL64, 60),
  shopify_token: prefixed('shpat_', HEX, 32),
  slack_bot_token: chance => `xoxb-${chance.digits(12)}-${chance.digits(12)}-${chance.word(ALNUM, 24)}`,
  slack_webhook: chance =>
    `https://hooks.slack.com/services/T${chance.word(UPPER + DIGITS, 8)}/B${chance.word(UPPER + DIGITS, 10)}/${chance.word(ALNUM, 24)}`,
  discord_webhook: chance =>
    `https://discord.com/api/webhooks/${chance.integer(1, 9)}${chance.digits(17)}/${chance.word(URL64, 68)}`,
  telegram_bot_token: chance => `${chance.integer(1, 9)}${chance.digits(9)}:AA${chance.word(URL64, 33)}`,
  twilio_key: prefixed('SK', HEX, 32),
  sendgrid_key: chance => `SG.${chance.word(URL64, 22)}.${chance.word(URL64, 43)}`,
  mailchimp_key: chance => `${chance.word(HEX, 32)}-us${chance.integer(1, 21)}`,
  digitalocean_token: prefixed('dop_v1_', HEX, 64),
  databricks_token: prefixed('dapi', HEX, 32),
  vault_token: prefixed('hvs.', URL64, 92),
  grafana_token: chance => `glsa_${chance.word(ALNUM, 32)}_${chance.word(HEX, 8)}`,
  linear_key: prefixed('lin_api_', ALNUM, 40),
  jwt,
  private_key_rsa: privateKey('RSA ', 'MIIEow', 1580),
  private_key_pkcs8: privateKey('', 'MIIEv', 1600),
  private_key_openssh: privateKey('OPENSSH ', 'b3BlbnNzaC1rZXktdjEA', 500),
  postgres_url: connection('postgresql', 'db.example.com:5432/orders'),
  mongodb_url: connection('mongodb+srv', 'cluster0.example.net/shop?retryWrites=true'),
  redis_url: connection('redis', 'cache.example.com:6379/0'),
  amqp_url: connection('amqp', 'mq.example.com/vhost'),
  basic_auth: chance => `Authorization: Basic ${Buffer.from(`admin:${password(chance)}`).toString('base64')}`,
  bearer_token: chance => `Authorization: Bearer ${chance.word(URL64, 48)}`,
  assignment: chance =>
    `${chance.pick(['API_KEY', 'SECRET_KEY', 'DB_PASSWORD', 'ACCESS_TOKEN', 'clientSecret'])}=${chance.pick(['"', "'", ''])}${chance.word(ALNUM, chance.integer(24, 44))}`,
}

const uuid: Make = chance => [8, 4, 4, 4, 12].map(length => chance.word(HEX, length)).join('-')

/** No secret: a placeholder, a name of one, or what is random and public. */
export const NO_SECRETS: Readonly<Record<string, Make>> = {
  placeholder: chance =>
    chance.pick([
      'sk-your-api-key-here',
      'OPENAI_API_KEY=<your key>',
      'AKIAIOSFODNN7EXAMPLE',
      'ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
      'password: "changeme"',
      `token=${'*'.repeat(chance.integer(12, 40))}`,
      'sk-ant-...',
      'xoxb-REDACTED',
      'hf_XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX',
    ]),
  reference: chance =>
    chance.pick([
      'const key = process.env.OPENAI_API_KEY',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's reference, as it is pasted
      'API_KEY=${API_KEY}',
      'password = os.environ["DB_PASSWORD"]',
      '{{ secrets.GITHUB_TOKEN }}',
      'postgresql://localhost:5432/orders',
      'postgres://user:$PGPASSWORD@db/orders',
      'token: vault:secret/data/app#token',
      'apiKey: getSecret("stripe-live-key")',
    ]),
  commit: prefixed('commit ', HEX, 40),
  sha256: prefixed('sha256:', HEX, 64),
  integrity: chance => `"integrity": "sha512-${chance.word(BASE64, 86)}=="`,
  uuid,
  image: chance => `data:image/png;base64,iVBORw0KGgo${chance.word(BASE64, chance.integer(80, 900))}`,
  public_key: chance =>
    `-----BEGIN PUBLIC KEY-----\n${lines(`MIIBIjANBgkqhkiG9w0BAQEF${chance.word(BASE64, 368)}`)}\n-----END PUBLIC KEY-----`,
  certificate: chance =>
    `-----BEGIN CERTIFICATE-----\n${lines(`MIID${chance.word(BASE64, 900)}`)}\n-----END CERTIFICATE-----`,
  ssh_public_key: chance => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${chance.word(BASE64, 43)} anna@laptop`,
  etag: chance => `etag: W/"${chance.word(HEX, 32)}"`,
  resource_name: chance => `arn:aws:iam::${chance.digits(12)}:role/deploy-${chance.word(LOWER, 8)}`,
  identifier: chance =>
    chance.pick([
      `sk-toggle__label--${chance.word(LOWER, 10)}`,
      `skeleton-loader-${chance.word(LOWER, 12)}-container`,
      `request_${uuid(chance)}`,
      `pk_live_${chance.word(ALNUM, 24)}`,
      `trace=00-${chance.word(HEX, 32)}-${chance.word(HEX, 16)}-01`,
    ]),
  address: chance => `0x${chance.word(HEX, 40)}`,
  prose: chance =>
    chance.pick([
      'The password must have twelve characters, one of them a digit.',
      'Rotate the API key every ninety days and store it in the vault.',
      'A bearer token is sent in the Authorization header.',
      'The secret of a good soup is patience.',
    ]),
}
