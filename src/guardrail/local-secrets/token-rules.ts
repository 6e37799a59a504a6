import {
  ALNUM,
  BASE64_SIGNS,
  BASE64URL,
  DASH,
  DIGIT,
  DOT,
  EQUALS,
  HEX,
  LOWER,
  OTHER_SIGNS,
  UNDERSCORE,
  UPPER,
  UPPER_HEX,
} from './characters.ts'
import { endsInCrc32 } from './checksum.ts'
import { run, shape, type TokenRule } from './token-rule.ts'

const CHECKED = { score: 0.99, passes: endsInCrc32 }
const BASE64 = ALNUM | BASE64_SIGNS | EQUALS
const WORD = ALNUM | UNDERSCORE
/** Hex digits as prefixes' third character: `SK` alone is too short to look for. */
const TWILIO_BEGINNINGS = [...'0123456789abcdef'].map(digit => `SK${digit}`).join(' ')

const hasDigitAndLetter = (body: string): boolean => /\d/.test(body) && /[A-Za-z]/.test(body)

const CLOUD: readonly TokenRule[] = [
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html: base 32 behind the prefix.
  run('aws', 'AKIA ASIA ABIA ACCA', UPPER | DIGIT, 16, { passes: body => /^[A-Z2-7]+$/.test(body) }),
  run('google', 'AIza', BASE64URL, 35),
  run('google', 'ya29.', BASE64URL | DOT, [30, 1024]),
  run('google', 'GOCSPX-', BASE64URL, 28),
  run('azure', 'AccountKey= accountkey=', BASE64, 88, { prefixIs: 'context' }),
  run('azure', 'SharedAccessKey= sharedaccesskey=', BASE64, 44, { prefixIs: 'context' }),
  // Entra ID client secrets: no literal begins them, but all have one within.
  shape(
    'azure',
    '8Q~ 7Q~',
    /[\w.~-]{3}[78]Q~[\w.~-]{31,34}(?![A-Za-z0-9])/y,
    41,
    [3],
    BASE64URL | DOT | OTHER_SIGNS,
  ),
  run('digitalocean', 'dop_v1_ doo_v1_ dor_v1_', HEX, 64),
  shape('databricks', 'dapi', /dapi[0-9a-f]{32}(?:-\d)?(?![A-Za-z0-9])/y, 38),
  run('hashicorp', 'hvs. hvb. hvr.', BASE64URL, [24, 300]),
  run('heroku', 'HRKU-', BASE64URL, [36, 80]),
  run('fly', 'fm2_', BASE64, [80, 2048]),
  run('fly', 'fo1_', BASE64URL, 43),
  run('netlify', 'nfp_ nfc_ nfo_ nfb_ nfu_', ALNUM, 36),
  run('vercel', 'vcp_ vci_ vca_ vcr_ vck_', ALNUM, [24, 80]),
  run('supabase', 'sbp_', HEX, 40),
  run('supabase', 'sb_secret_', BASE64URL, [24, 80]),
  run('planetscale', 'pscale_tkn_ pscale_pw_ pscale_oauth_', BASE64URL | DOT, [32, 64]),
  run('pulumi', 'pul-', HEX, 40),
  run('doppler', 'dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.', ALNUM | DOT | DASH | UNDERSCORE, [40, 80]),
  run('tailscale', 'tskey-auth- tskey-api- tskey-client- tskey-scim- tskey-webhook-', ALNUM | DASH, [20, 80]),
  run('age', 'AGE-SECRET-KEY-1', UPPER | DIGIT, 58),
  run('1password', 'ops_eyJ', BASE64, [200, 2048]),
]

const CODE_HOSTS: readonly TokenRule[] = [
  // https://github.blog/engineering/behind-githubs-new-authentication-token-formats/
  run('github', 'ghp_ gho_ ghu_ ghs_ ghr_', ALNUM, 36, CHECKED),
  shape('github', 'github_pat_', /github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}(?![A-Za-z0-9])/y, 94),
  run(
    'gitlab',
    'glpat- gldt- glptt- glrt- glcbt- glsoat- glft- glimt- glagent- gloas- glffct-',
    BASE64URL | DOT,
    [20, 320],
  ),
  run('atlassian', 'ATATT3 ATCTT3', BASE64URL | EQUALS, [150, 300]),
  run('atlassian', 'ATBB', ALNUM, [28, 40], { score: 0.9, passes: hasDigitAndLetter }),
  run('npm', 'npm_', ALNUM, 36, CHECKED),
  run('pypi', 'pypi-AgEIcHlwaS5vcmc pypi-AgENdGVzdC5weXBpLm9yZw', BASE64URL, [50, 1024]),
  run('rubygems', 'rubygems_', HEX, 48),
  run('nuget', 'oy2', LOWER | DIGIT, 43, { passes: hasDigitAndLetter, score: 0.8 }),
  run('docker', 'dckr_pat_ dckr_oat_', BASE64URL, [27, 40]),
  run('sonar', 'squ_ sqp_ sqa_', HEX, 40),
  run('sentry', 'sntryu_', HEX, 64),
  run('sentry', 'sntrys_eyJ', BASE64 | UNDERSCORE, [100, 600]),
  run('grafana', 'glc_eyJ', BASE64, [60, 600]),
  shape('grafana', 'glsa_', /glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}(?![A-Za-z0-9])/y, 47),
  run('newrelic', 'NRAK-', UPPER | DIGIT, 27),
  run('linear', 'lin_api_ lin_oauth_', ALNUM, [40, 64]),
  run('notion', 'ntn_', ALNUM, 46),
  shape('airtable', 'pat', /pat[A-Za-z0-9]{14}\.[0-9a-f]{64}(?![A-Za-z0-9])/y, 83),
  run('figma', 'figd_', BASE64URL, [38, 60]),
  shape('postman', 'PMAK-', /PMAK-[0-9a-f]{24}-[0-9a-f]{34}(?![A-Za-z0-9])/y, 65),
  run('artifactory', 'AKCp', ALNUM, [68, 72]),
]

const LLM_VENDORS: readonly TokenRule[] = [
  run(
    'anthropic',
    'sk-ant-api03- sk-ant-admin01- sk-ant-oat01- sk-ant-ort01- sk-ant-sid01-',
    BASE64URL,
    [80, 128],
  ),
  run('openrouter', 'sk-or-v1-', HEX, 64),
  run('langfuse', 'sk-lf-', HEX | DASH, 36),
  run('openai', 'sk-proj- sk-svcacct- sk-admin- sk-None-', BASE64URL, [40, 200]),
  // The middle of every key until 2024 is "OpenAI" in base64; other vendors' keys share the prefix.
  run('openai', 'sk-', ALNUM, [32, 64], { passes: hasDigitAndLetter }),
  run('huggingface', 'hf_', LOWER | UPPER, 34),
  run('huggingface', 'api_org_', LOWER | UPPER, 34),
  run('groq', 'gsk_', ALNUM, 52),
  run('xai', 'xai-', ALNUM, 80),
  run('perplexity', 'pplx-', ALNUM, [40, 64]),
  run('replicate', 'r8_', ALNUM, 37),
  run('cerebras', 'csk-', LOWER | DIGIT, 48),
  run('nvidia', 'nvapi-', BASE64URL, [60, 72]),
  run('fireworks', 'fw_', ALNUM, [22, 24], { passes: hasDigitAndLetter, score: 0.8 }),
  run('together', 'tgp_v1_', BASE64URL, 43),
  run('tavily', 'tvly-dev- tvly-prod- tvly-', ALNUM | DASH, [32, 64], { passes: hasDigitAndLetter }),
  run('pinecone', 'pcsk_', WORD, [60, 80]),
  shape('langsmith', 'lsv2_', /lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}(?![A-Za-z0-9])/y, 52),
  run('elevenlabs', 'sk_', HEX, 48),
]

const PAYMENT: readonly TokenRule[] = [
  run('stripe', 'sk_live_ rk_live_', ALNUM, [24, 247]),
  run('stripe', 'sk_test_ rk_test_', ALNUM, [24, 247], { score: 0.7 }),
  run('stripe', 'whsec_', ALNUM | BASE64_SIGNS, [32, 64], { score: 0.9 }),
  run('square', 'EAAA', BASE64URL, 60, { passes: hasDigitAndLetter, score: 0.85 }),
  run('square', 'sq0atp-', BASE64URL, 22),
  run('square', 'sq0csp-', BASE64URL, 43),
  run('shopify', 'shpat_ shpss_ shpca_ shppa_', HEX | UPPER_HEX, 32),
  shape(
    'paypal',
    'access_token$production$',
    /access_token\$production\$[0-9a-z]{16}\$[0-9a-f]{32}(?![A-Za-z0-9])/y,
    74,
  ),
  shape('flutterwave', 'FLWSECK-', /FLWSECK-[0-9a-f]{32}-X(?![A-Za-z0-9])/y, 43),
  shape(
    'plaid',
    'access-production-',
    /access-production-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![A-Za-z0-9])/y,
    55,
  ),
]

const CHAT: readonly TokenRule[] = [
  shape(
    'slack',
    'xoxb- xoxp- xoxa- xoxr- xoxs- xoxo-',
    /xox[a-z]-(?:\d{1,14}-){0,3}[A-Za-z0-9]{18,64}(?![A-Za-z0-9])/y,
    120,
  ),
  run('slack', 'xoxe-1- xoxe.xoxp-1- xoxe.xoxb-1-', ALNUM, [100, 300]),
  shape('slack', 'xapp-', /xapp-\d-[A-Z0-9]{6,13}-\d{8,16}-[0-9a-f]{64}(?![A-Za-z0-9])/y, 104),
  run(
    'slack',
    'hooks.slack.com/services/ hooks.slack.com/workflows/ hooks.slack.com/triggers/',
    ALNUM | BASE64_SIGNS,
    [40, 100],
    {
      prefixIs: 'context',
      passes: body => /^[TA][A-Z0-9]{6,12}\/[A-Z0-9]{6,13}\/(?:\d{10,20}\/)?[A-Za-z0-9]{20,}$/.test(body),
    },
  ),
  run(
    'discord',
    'discord.com/api/webhooks/ discordapp.com/api/webhooks/',
    BASE64URL | BASE64_SIGNS,
    [78, 110],
    { prefixIs: 'context', passes: body => /^\d{17,20}\/[\w-]{60,}$/.test(body) },
  ),
  run('twilio', TWILIO_BEGINNINGS, HEX, 31, { score: 0.85 }),
  shape('sendgrid', 'SG.', /SG\.[\w-]{20,24}\.[\w-]{39,50}(?![A-Za-z0-9])/y, 80),
  shape('telegram', ':AA', /\d{8,10}:AA[\w-]{32,33}(?![A-Za-z0-9])/y, 47, [8, 9, 10], DIGIT),
  shape('mailchimp', '-us', /[0-9a-f]{32}-us\d{1,2}(?![A-Za-z0-9])/y, 38, [32], HEX),
  run('mailgun', 'key-', HEX, 32, { score: 0.85 }),
  shape(
    'brevo',
    'xkeysib- xsmtpsib-',
    /x(?:keysib|smtpsib)-[0-9a-f]{64}-[A-Za-z0-9]{16}(?![A-Za-z0-9])/y,
    92,
  ),
]

/** Formats that their first characters tell. */
export const TOKEN_RULES: readonly TokenRule[] = [
  ...CLOUD,
  ...CODE_HOSTS,
  ...LLM_VENDORS,
  ...PAYMENT,
  ...CHAT,
]
