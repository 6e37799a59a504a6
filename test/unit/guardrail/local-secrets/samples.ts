/** Made up for the tests, by a fixed rule: none of them was ever anyone's key. */

const DIGITS = '0123456789'
const LOWER = 'abcdefghijklmnopqrstuvwxyz'
const UPPER = LOWER.toUpperCase()
const ALPHABETS = {
  hex: `${DIGITS}abcdef`,
  digits: DIGITS,
  base32: `${UPPER}234567`,
  upper: UPPER + DIGITS,
  lower: LOWER + DIGITS,
  letters: UPPER + LOWER,
  alnum: UPPER + LOWER + DIGITS,
  base64: `${UPPER}${LOWER}${DIGITS}+/`,
  url: `${UPPER}${LOWER}${DIGITS}-_`,
} as const
type Alphabet = keyof typeof ALPHABETS

/** Characters that look random and are the same in every run; the first is always a letter where there are any. */
export function random(length: number, alphabet: Alphabet, seed = 1): string {
  const characters = ALPHABETS[alphabet]
  let state = 0x2545f491 ^ (seed * 7919 + length)
  return Array.from({ length }, (_, index) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const character = characters.charAt((state >>> 8) % characters.length)
    return index === length - 1 && '-_'.includes(character) ? 'x' : character
  }).join('')
}

/** CRC-32 bit by bit, in six digits of base 62. */
function checksum(text: string): string {
  let crc = 0xffffffff
  for (const character of text) {
    crc ^= character.charCodeAt(0)
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  let rest = ~crc >>> 0
  let digits = ''
  for (let i = 0; i < 6; i++) {
    digits = (DIGITS + UPPER + LOWER).charAt(rest % 62) + digits
    rest = Math.floor(rest / 62)
  }
  return digits
}

export function checked(prefix: string): string {
  const body = random(30, 'alnum', prefix.length)
  return `${prefix}${body}${checksum(body)}`
}

const uuid = [8, 4, 4, 4, 12].map(length => random(length, 'hex')).join('-')
const at = (prefix: string, length: number, alphabet: Alphabet) => `${prefix}${random(length, alphabet)}`

/** Keys by the rule that finds them; all of them found as a whole. */
export const TOKENS: Readonly<Record<string, readonly string[]>> = {
  '1password': [at('ops_eyJ', 250, 'base64')],
  age: [at('AGE-SECRET-KEY-1', 58, 'upper')],
  airtable: [`pat${random(14, 'alnum')}.${random(64, 'hex')}`],
  anthropic: [at('sk-ant-api03-', 95, 'url'), at('sk-ant-admin01-', 95, 'url')],
  artifactory: [at('AKCp', 69, 'alnum')],
  atlassian: [at('ATATT3', 186, 'url'), at('ATBB', 32, 'alnum')],
  aws: [at('AKIA', 16, 'base32'), at('ASIA', 16, 'base32')],
  azure: [`${random(3, 'alnum')}8Q~${random(34, 'alnum')}`],
  brevo: [`xkeysib-${random(64, 'hex')}-${random(16, 'alnum')}`],
  cerebras: [at('csk-', 48, 'lower')],
  databricks: [at('dapi', 32, 'hex'), `${at('dapi', 32, 'hex')}-2`],
  digitalocean: [at('dop_v1_', 64, 'hex'), at('doo_v1_', 64, 'hex')],
  docker: [at('dckr_pat_', 27, 'url')],
  doppler: [at('dp.pt.', 43, 'alnum')],
  elevenlabs: [at('sk_', 48, 'hex')],
  figma: [at('figd_', 40, 'url')],
  fireworks: [at('fw_', 24, 'alnum')],
  flutterwave: [`FLWSECK-${random(32, 'hex')}-X`],
  fly: [at('fm2_', 200, 'base64'), at('fo1_', 43, 'url')],
  github: [
    ...['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'].map(checked),
    `github_pat_${random(22, 'alnum')}_${random(59, 'alnum')}`,
  ],
  gitlab: [
    at('glpat-', 20, 'url'),
    at('gldt-', 20, 'url'),
    `glpat-${random(27, 'url')}.01.${random(9, 'lower')}`,
  ],
  google: [at('AIza', 35, 'url'), at('ya29.', 120, 'url'), at('GOCSPX-', 28, 'url')],
  grafana: [`glsa_${random(32, 'alnum')}_${random(8, 'hex')}`, at('glc_eyJ', 90, 'base64')],
  groq: [at('gsk_', 52, 'alnum')],
  hashicorp: [at('hvs.', 90, 'url'), at('hvb.', 140, 'url')],
  heroku: [at('HRKU-', 60, 'url')],
  huggingface: [at('hf_', 34, 'letters'), at('api_org_', 34, 'letters')],
  langfuse: [`sk-lf-${uuid}`],
  langsmith: [`lsv2_pt_${random(32, 'hex')}_${random(10, 'hex')}`],
  linear: [at('lin_api_', 40, 'alnum')],
  mailchimp: [`${random(32, 'hex')}-us14`],
  mailgun: [at('key-', 32, 'hex')],
  netlify: [at('nfp_', 36, 'alnum')],
  newrelic: [at('NRAK-', 27, 'upper')],
  notion: [at('ntn_', 46, 'alnum')],
  npm: [checked('npm_')],
  nuget: [at('oy2', 43, 'lower')],
  nvidia: [at('nvapi-', 64, 'url')],
  openai: [
    at('sk-proj-', 124, 'url'),
    at('sk-svcacct-', 124, 'url'),
    `sk-${random(20, 'alnum')}T3BlbkFJ${random(20, 'alnum')}`,
    at('sk-', 32, 'hex'),
  ],
  openrouter: [at('sk-or-v1-', 64, 'hex')],
  paypal: [`access_token$production$${random(16, 'lower')}$${random(32, 'hex')}`],
  perplexity: [at('pplx-', 48, 'alnum')],
  pinecone: [`pcsk_${random(6, 'alnum')}_${random(60, 'alnum')}`],
  plaid: [`access-production-${uuid}`],
  planetscale: [at('pscale_tkn_', 43, 'url')],
  postman: [`PMAK-${random(24, 'hex')}-${random(34, 'hex')}`],
  pulumi: [at('pul-', 40, 'hex')],
  pypi: [at('pypi-AgEIcHlwaS5vcmc', 140, 'url')],
  replicate: [at('r8_', 37, 'alnum')],
  rubygems: [at('rubygems_', 48, 'hex')],
  sendgrid: [`SG.${random(22, 'url')}.${random(43, 'url')}`],
  sentry: [at('sntryu_', 64, 'hex'), at('sntrys_eyJ', 180, 'base64')],
  shopify: [at('shpat_', 32, 'hex'), at('shpss_', 32, 'hex')],
  slack: [
    `xoxb-${random(12, 'digits')}-${random(12, 'digits')}-${random(24, 'alnum')}`,
    `xapp-1-${random(11, 'upper')}-${random(13, 'digits')}-${random(64, 'hex')}`,
    at('xoxe-1-', 140, 'alnum'),
  ],
  sonar: [at('squ_', 40, 'hex')],
  square: [at('EAAA', 60, 'url'), at('sq0atp-', 22, 'url'), at('sq0csp-', 43, 'url')],
  stripe: [
    at('sk_live_', 24, 'alnum'),
    at('rk_live_', 99, 'alnum'),
    at('sk_test_', 24, 'alnum'),
    at('whsec_', 32, 'alnum'),
  ],
  supabase: [at('sbp_', 40, 'hex'), at('sb_secret_', 31, 'url')],
  tailscale: [`tskey-auth-${random(17, 'alnum')}-${random(32, 'alnum')}`],
  tavily: [at('tvly-dev-', 32, 'alnum')],
  telegram: [`${random(9, 'digits')}:AA${random(33, 'url')}`.replace(/^0/, '7')],
  together: [at('tgp_v1_', 43, 'url')],
  twilio: [at('SK', 32, 'hex')],
  vercel: [at('vcp_', 56, 'alnum')],
  xai: [at('xai-', 80, 'alnum')],
}

/** Keys that stand behind what tells them: `[what tells it, the key]`. */
export const TOLD: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  azure: [
    ['AccountName=x;AccountKey=', `${random(86, 'base64')}==`],
    ['SharedAccessKey=', `${random(43, 'base64')}=`],
  ],
  slack: [
    [
      'https://hooks.slack.com/services/',
      `T${random(8, 'upper')}/B${random(10, 'upper')}/${random(24, 'alnum')}`,
    ],
  ],
  discord: [['https://discord.com/api/webhooks/', `${random(18, 'digits')}/${random(68, 'url')}`]],
}

export const JWT = [
  Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url'),
  Buffer.from('{"sub":"84720","iat":1700000000}').toString('base64url'),
  random(43, 'url'),
].join('.')

/** Lines of 64 characters, and one of 20. */
export function keyBody(lines: number, lineEnd = '\n'): string {
  const full = Array.from({ length: lines }, (_, index) => random(64, 'base64', index))
  return [...full, `${random(18, 'base64')}==`].join(lineEnd)
}

export function pem(name = 'RSA PRIVATE KEY', lineEnd = '\n', lines = 5): string {
  return [`-----BEGIN ${name}-----`, keyBody(lines, lineEnd), `-----END ${name}-----`].join(lineEnd)
}
