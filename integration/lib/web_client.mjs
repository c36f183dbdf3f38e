// SPDX-License-Identifier: MIT
// The web client's lines of IRC (irc.js) and its login (scram.js): web_client.mjs IRC.MJS SCRAM.MJS
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { pathToFileURL } from "node:url";

globalThis.crypto ??= webcrypto; // of node 18
const { Scram, hasScram } = await import(pathToFileURL(process.argv[3]));
const { cut, fold, format, parse } = await import(pathToFileURL(process.argv[2]));

const message = parse("@time=1;+x=a\\:b\\sc\\\\;empty :bob!~b@host PRIVMSG  #hall :hello  there :)");
assert.equal(message.tags.get("+x"), "a;b c\\");
assert.equal(message.tags.get("empty"), "");
assert.equal(message.nick, "bob");
assert.deepEqual(message.params, ["#hall", "hello  there :)"]);
assert.deepEqual(parse(":irc.test 366 ann #hall").params, ["ann", "#hall"]);
assert.deepEqual(parse("").params, []);
assert.deepEqual(parse("CAP * LS :").params, ["*", "LS", ""]);

assert.equal(format({}, "JOIN", "#hall"), "JOIN #hall");
assert.equal(format({}, "PRIVMSG", "#hall", ":)"), "PRIVMSG #hall ::)");
assert.equal(format({}, "PRIVMSG", "#hall", "a\r\nQUIT"), "PRIVMSG #hall :a  QUIT");
assert.equal(format({ label: "1", "+x": "a;b c\\" }, "TAGMSG", "#hall"), "@label=1;+x=a\\:b\\sc\\\\ TAGMSG #hall");

assert.deepEqual(cut("", 10), []);
assert.deepEqual(cut("one two three", 8), ["one two ", "three"]);
for (const text of ["ä".repeat(1000), "😀".repeat(500), "a ".repeat(999), "word ".repeat(100) + "x".repeat(900)]) {
	const parts = cut(text, 350);
	assert.equal(parts.join(""), text);
	assert.ok(parts.every((part) => part && new TextEncoder().encode(part).length <= 350));
}
assert.equal(fold("Ann[Ä]"), "ann[Ä]");

// The example of RFC 7677.
const OWN = "rOprNGfwEbeRWgbNEkqO", BOTH = OWN + "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", SALT = "W22ZaJ0SNY7soEsUEjb6gQ==";
const PROOF = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", PROVEN = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

async function answers(challenge, last) {
	const scram = new Scram("user", "pencil", OWN);
	assert.equal(await scram.answer(""), `n,,n=user,r=${OWN}`);
	const answer = await scram.answer(btoa(challenge));
	return { answer, end: last === undefined ? null : await scram.answer(btoa(last)), isRight: scram.isServerRight };
}

assert.ok(hasScram);
const final = `c=biws,r=${BOTH},p=${PROOF}`;
assert.deepEqual(await answers(`r=${BOTH},s=${SALT},i=4096`, PROVEN), { answer: final, end: "", isRight: true });
for (const last of ["", "e=other-error", PROVEN.replace("6", "7")])
	assert.deepEqual(await answers(`r=${BOTH},s=${SALT},i=4096`, last), { answer: final, end: null, isRight: false });
for (const wrong of [`r=${OWN},s=${SALT},i=4096`, `r=x${BOTH},s=${SALT},i=4096`, `r=${BOTH},s=${SALT},i=4095`, PROVEN,
	`r=${BOTH},s=${SALT},i=2000001`, `r=${BOTH},s=x,i=4096`, `m=x,r=${BOTH},s=${SALT},i=4096`, `r=${BOTH},s=${SALT}`])
	assert.equal((await answers(wrong)).answer, null, wrong);
await assert.rejects(new Scram("user", "pencil").answer("no base64!"));
assert.match(await new Scram("a=b,c", "pencil").answer(""), /^n,,n=a=3Db=2Cc,r=[A-Za-z0-9+/]{32}$/);
console.log("lines and login of the web client: fine");
