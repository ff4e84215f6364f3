import { describe, expect, test } from 'vitest';
import { parseDeb822Sources, parseOneLineSources } from './apt-sources.ts';

describe('apt sources of the machine', () => {
  test('the one-line format, with and without options, comments and source packages left out', () => {
    const text = [
      '# deb http://old.example/debian buster main',
      'deb http://mirror.example/debian bookworm main contrib # nearest',
      'deb-src http://mirror.example/debian bookworm main',
      'deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg,/usr/share/keyrings/b.gpg] https://m.example/debian sid main',
    ].join('\n');
    expect(parseOneLineSources(text)).toEqual([
      { uri: 'http://mirror.example/debian', suites: ['bookworm'], components: ['main', 'contrib'] },
      {
        uri: 'https://m.example/debian',
        suites: ['sid'],
        components: ['main'],
        signedBy: '/usr/share/keyrings/a.gpg /usr/share/keyrings/b.gpg',
      },
    ]);
  });

  test('the deb822 format, with comments inside a stanza, several suites, and disabled and source-only stanzas', () => {
    const text = [
      'Types: deb deb-src',
      '# http://snapshot.example/20250520',
      'URIs: http://mirror.example/debian',
      'Suites: bookworm bookworm-updates',
      'Components: main',
      'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
      '',
      'Types: deb-src',
      'URIs: http://sources.example/debian',
      'Suites: bookworm',
      'Components: main',
      '',
      'Enabled: no',
      'Types: deb',
      'URIs: http://off.example/debian',
      'Suites: bookworm',
      'Components: main',
    ].join('\n');
    expect(parseDeb822Sources(text)).toEqual([
      {
        uri: 'http://mirror.example/debian',
        suites: ['bookworm', 'bookworm-updates'],
        components: ['main'],
        signedBy: '/usr/share/keyrings/debian-archive-keyring.gpg',
      },
    ]);
  });

  test('an embedded key keeps its lines and their indentation, as apt wants them back', () => {
    const text = [
      'Types: deb',
      'URIs: http://mirror.example/debian',
      'Suites: sid',
      'Components: main',
      'Signed-By:',
      ' -----BEGIN PGP PUBLIC KEY BLOCK-----',
      ' .',
      ' mQINBF',
      ' -----END PGP PUBLIC KEY BLOCK-----',
    ].join('\n');
    expect(parseDeb822Sources(text)[0]?.signedBy).toBe(
      '\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----',
    );
  });
});
