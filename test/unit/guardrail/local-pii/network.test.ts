import { describe, test } from 'vitest'
import { expectHits, expectNone, piiGuardrail } from './scanner.ts'

describe('pii/ip', () => {
  test('public addresses of both families', () =>
    expectHits('pii/ip', [
      ['from 203.0.113.77.', '203.0.113.77'],
      ['http://203.0.113.77:8080/x', '203.0.113.77'],
      ['203.0.113.77/24', '203.0.113.77'],
      ['a,203.0.113.77,b', '203.0.113.77'],
      ['2a02:26cb:8041::b5be', '2a02:26cb:8041::b5be'],
      ['[2001:db8:1:2:3:4:5:6]:443', '2001:db8:1:2:3:4:5:6'],
      ['client IP 8.8.8.8', '8.8.8.8'],
    ]))

  test('not loopback, netmasks, private ones, versions, or what has too much of it', () =>
    expectNone([
      '127.0.0.1 and 0.0.0.0',
      '255.255.255.0',
      '192.168.1.10 and 10.0.0.5',
      '999.12.3.400',
      '1.2.3',
      'version 203.0.113.77',
      'opencv>=4.11.0.86',
      '203.0.113.77.5',
      '1.203.0.113.77',
      '203.0.113.077',
      '::1 and fe80::1',
      'std::vector a[1::2]',
      '12:34:56',
      '2a02:26cb:8041:b5be',
    ]))

  test('private ones for whoever asks', () =>
    expectHits(
      'pii/ip',
      [['192.168.1.10', '192.168.1.10']],
      piiGuardrail({ settings: { ip: { min_score: 0.4 } } }),
    ))
})

describe('pii/mac', () => {
  test('six pairs with one sign', () =>
    expectHits('pii/mac', [
      ['00:BA:3C:09:C4:93', '00:BA:3C:09:C4:93'],
      ['mac=aa-bb-cc-dd-ee-01.', 'aa-bb-cc-dd-ee-01'],
    ]))

  test('not other counts, signs or a part of more', () =>
    expectNone([
      '00:11:22',
      '00:11:22:33:44',
      '00:11:22:33:44:55:66',
      '00:11-22:33-44:55',
      '00:00:00:00:00:00',
      'x00:BA:3C:09:C4:93',
      '00:BA:3C:09:C4:9G',
      'de-ad-be-ef',
      '12:34:56:78',
    ]))
})

describe('pii/url_credentials', () => {
  test('the whole URL, without the sentence around it', () =>
    expectHits('pii/url_credentials', [
      [
        'https://jdoe:hunter2@git.example.org:8443/a/b?c=d.',
        'https://jdoe:hunter2@git.example.org:8443/a/b?c=d',
      ],
      ['(ftp://u:p4ss@h/)', 'ftp://u:p4ss@h/'],
      ['{"url":"redis://:s3cret@cache:6379"}', 'redis://:s3cret@cache:6379'],
      ['https://u:p@ss@h.io/x', 'https://u:p@ss@h.io/x'],
    ]))

  test('not a URL without a password, or with room for one', () =>
    expectNone([
      'https://example.org/a:b@c',
      'https://example.org:8443/x',
      'https://$' + '{USER}:$' + '{PASS}@example/',
      'https://user:<password>@example/',
      'https://user:password@example/',
      '://u:p4ss@h',
      'https://u:@example/',
    ]))
})

describe('pii/wallet', () => {
  test('by their checksums', () =>
    expectHits('pii/wallet', [
      ['1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH', '1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH'],
      ['pay 3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy.', '3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy'],
      ['bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4'],
      [
        'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0',
        'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0',
      ],
      ['0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed', '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'],
      ['ETH wallet 0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed', '0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed'],
    ]))

  test('not with one wrong, not hashes, not of another length', () =>
    expectNone([
      '1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMJ',
      'wallet 3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLx',
      'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5',
      'wallet 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD',
      '0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed',
      '2aef2c05b6885bf458e402214464cc84a97af0aa',
      '0x0000000000000000000000000000000000000000',
      'x1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH',
      '1ZG0TLNMBGV5BLYYP7',
    ]))
})
