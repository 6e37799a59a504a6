/** Top-level domains that are not also common endings of files and names in code, such as `md`, `py`, `rs` and `sh`. */
const TOP_LEVEL: ReadonlySet<string> = new Set(
  (
    'com org net edu gov mil int info biz name pro mobi io ai app dev co me xyz online site website shop store tech cloud ' +
    'top live link click icu vip club space fun press news blog page web wiki today world zone network systems digital ' +
    'agency finance bank money support help login email chat social media bot gg tv cc to ly eu uk de fr es it nl be ch at ' +
    'se no fi dk ie pt gr cz hu ro bg hr si sk lt lv ee lu is ru ua by kz cn jp kr tw hk sg my th vn id ph in pk bd lk au nz ' +
    'ca us mx br ar cl pe uy ve ec za ng ke eg ma tr il ae sa ir рф'
  ).split(' '),
)

/** Whether a name ends in a top-level domain that makes it an address rather than a file. */
export function isTopLevel(name: string): boolean {
  const last = name.slice(name.lastIndexOf('.') + 1).toLowerCase()
  return TOP_LEVEL.has(last) || last.startsWith('xn--')
}
