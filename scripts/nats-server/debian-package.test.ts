import { expect, test } from 'vitest';
import { distributionArchives } from './debian-package.ts';

test('of the apt sources, only the main archive of the distribution is asked, once, and under its own key', () => {
  const main = {
    uri: 'http://mirror.example/debian',
    components: ['main'],
    signedBy: '/usr/share/keyrings/debian.gpg',
  };
  const archives = [
    { uri: 'https://packages.example/node_20.x', suites: ['nodistro'], components: ['main'] },
    { uri: 'https://docker.example/debian', suites: ['bookworm'], components: ['stable'] },
    { ...main, suites: ['bookworm', 'bookworm-updates'] },
    { ...main, suites: ['bookworm'], components: ['main', 'contrib'] },
    { ...main, uri: 'http://mirror.example/debian-security', suites: ['bookworm-security'] },
  ];
  expect(distributionArchives(archives, 'bookworm')).toEqual([{ ...main, suites: ['bookworm'] }]);
});
