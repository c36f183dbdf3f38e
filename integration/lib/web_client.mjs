// SPDX-License-Identifier: MIT
// The web client's lines of IRC (irc.js): web_client.mjs IRC.MJS
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";

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
console.log("lines of the web client: fine");
