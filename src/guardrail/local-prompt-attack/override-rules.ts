import type { Rule } from './rule.ts'
import { rule, words } from './rule.ts'

const IGNORE =
  "\\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|overrid(?:e|ing)|bypass(?:ing)?|neglect|discard|dismiss|do not follow|don't follow|stop following|do not obey|don't obey|stop obeying|pay no attention to)"
const INSTRUCTIONS =
  '(?:instructions?|prompts?|rules?|guidelines?|guidance|directives?|orders|programming|constraints|restrictions|polic(?:y|ies))\\b'
/** Words that may stand between; a closed list, so that "ignore the error in the previous rules engine" is none. */
const FILLER =
  '(?:all|any|every|each|of|the|your|my|our|these|those|this|that|other|such|and|or|you|were|given|received|safety|content|ethical)'
const EARLIER = '(?:previous|prior|above|earlier|preceding|foregoing|initial|original|aforementioned)'
/** Said of a model's instructions, but of an administrator's policies and rules just as well. */
const STANDING = '(?:system|developer|existing|current|old|past|former)'

/** Telling the model to drop what it was told. */
export const OVERRIDES: readonly Rule[] = [
  rule(
    'override-earlier',
    0.9,
    words(
      IGNORE,
      `(?: ${FILLER}){0,5} ${EARLIER}(?: (?:${FILLER}|${EARLIER}|${STANDING})){0,4} ${INSTRUCTIONS}`,
    ),
  ),
  rule(
    'override-standing',
    0.75,
    words(
      IGNORE,
      `(?: ${FILLER}){0,5} ${STANDING}(?: and)? (?:instructions?|prompts?|directives?|messages?)\\b`,
    ),
  ),
  rule(
    'override-standing-rules',
    0.4,
    words(
      IGNORE,
      `(?: ${FILLER}){0,5} ${STANDING} (?:rules|guidelines|guidance|polic(?:y|ies)|constraints|restrictions)\\b`,
    ),
  ),
  rule(
    'override-following',
    0.85,
    words(
      IGNORE,
      `(?: ${FILLER}){0,4} ${INSTRUCTIONS} (?:above|before|you (?:were|have been|got|received|had)|(?:that )?(?:came|given|provided|stated|written) (?:before|above|earlier|to you))`,
    ),
  ),
  rule(
    'override-yours',
    0.8,
    words(
      IGNORE,
      `(?: (?:all|any|every|of|the)){0,3} your(?: (?:own|safety|content|ethical|internal|initial|core)){0,2} (?:instructions?|prompts?|rules|guidelines?|directives?|programming|training|constraints|restrictions|polic(?:y|ies))\\b`,
    ),
  ),
  rule(
    'override-all',
    0.6,
    words(
      IGNORE,
      ` (?:all|any|every)(?: (?:of|the|these|those|other|such)){0,2} (?:instructions?|directives?|guidelines?)\\b`,
    ),
  ),
  rule(
    'override-everything',
    0.6,
    words(
      IGNORE,
      ` (?:everything|anything|all)(?: (?:that|which|of|the|text|is|was|were|has|been|have|i|you|said|told|written|stated|mentioned)){0,6} (?:above|before this|prior to this|previously)\\b`,
    ),
  ),
  rule(
    'override-void',
    0.7,
    words(
      `\\b(?:${EARLIER}|your) ${INSTRUCTIONS} (?:(?:are|is|were|have been|should be|must be)(?: (?:now|all|hereby)){0,2} `,
      '(?:void|null|cancell?ed|obsolete|invalid|ignored|disregarded|revoked)|(?:are |is )?no longer (?:apply|applies|valid))\\b',
    ),
  ),
  rule(
    'new-instructions',
    0.4,
    words(
      '\\b(?:your|here are(?: your)?|follow these|the following are your) new (?:instructions?|rules|orders|system prompt|directives?)\\b',
    ),
  ),
  rule(
    'override-de',
    0.85,
    words(
      '\\b(?:ignorier(?:e|en sie|t)?|vergiss|vergessen sie|missachte)(?: (?:alle|die|deine|ihre|samtliche|aller|bitte)){0,3} (?:vorherigen|vorigen|bisherigen|fruheren|obigen|vorangegangenen|vorhergehenden) (?:anweisungen|instruktionen|regeln|befehle|vorgaben)\\b',
    ),
  ),
  rule(
    'override-fr',
    0.85,
    words(
      '\\b(?:ignore[rz]?|oublie[rz]?|neglige[rz]?)(?: (?:toutes|tous|les|tes|vos|ces)){0,3} (?:instructions|consignes|directives|regles|ordres)(?: (?:qui|sont))? (?:precedentes?|anterieure?s?|ci-dessus|initiales)\\b',
    ),
  ),
  rule(
    'override-es',
    0.85,
    words(
      '\\b(?:ignora|ignore|ignorar|olvida|olvide|descarta)(?: (?:todas|todos|las|los|tus|sus|estas)){0,3} (?:instrucciones|indicaciones|ordenes|reglas|directrices) (?:anteriores|previas|iniciales|de arriba)\\b',
    ),
  ),
  rule(
    'override-pt',
    0.85,
    words(
      '\\b(?:ignore|ignora|esqueca|desconsidere)(?: (?:todas|todos|as|os|suas|tuas)){0,3} (?:instrucoes|ordens|regras|diretrizes) (?:anteriores|previas|acima|iniciais)\\b',
    ),
  ),
  rule(
    'override-it',
    0.85,
    words(
      '\\b(?:ignora|ignorate|dimentica|dimenticate)(?: (?:tutte|tutti|le|gli|i|tue|vostre)){0,3} (?:istruzioni|regole|indicazioni|direttive) (?:precedenti|iniziali|di cui sopra)\\b',
    ),
  ),
  rule(
    'override-zh',
    0.85,
    /(?:忽略|忽视|無視|无视|忘记|忘記)(?:你|掉|所有|一切|全部|之?前面?|以上|上面|先前|此前|的|上述){1,6}(?:指令|指示|提示词?|规则|規則|命令|说明)/g,
  ),
  rule(
    'override-ja',
    0.85,
    /(?:以前|前|上記|これまて|先ほと)の(?:すへての|全ての)?(?:指示|命令|フロンフト|ルール)(?:を|は)(?:すへて|全て)?(?:無視|忘れ)/g,
  ),
]
