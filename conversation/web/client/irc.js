// SPDX-License-Identifier: MIT
// Lines of IRC: taken apart, put together, and text cut to their length.

const ESCAPES = { ":": ";", s: " ", r: "\r", n: "\n", "\\": "\\" };

function unescapeTag(value) {
	return value.replace(/\\(.?)/g, (_, c) => ESCAPES[c] ?? c);
}

export function escapeTag(value) {
	return value.replace(/[; \r\n\\]/g, (c) => "\\" + { ";": ":", " ": "s", "\r": "r", "\n": "n", "\\": "\\" }[c]);
}

/** Takes a line apart: { tags, nick, source, command, params }. */
export function parse(line) {
	const message = { tags: new Map(), source: "", nick: "", command: "", params: [] };
	let rest = line;
	const word = () => {
		const [first] = rest.split(" ", 1);
		rest = rest.slice(first.length).replace(/^ +/, "");
		return first;
	};
	if (rest.startsWith("@"))
		for (const tag of word().slice(1).split(";")) {
			const [key, ...value] = tag.split("=");
			message.tags.set(key, unescapeTag(value.join("=")));
		}
	if (rest.startsWith(":")) {
		message.source = word().slice(1);
		message.nick = message.source.split("!", 1)[0];
	}
	message.command = word().toUpperCase();
	while (rest) {
		if (rest.startsWith(":")) {
			message.params.push(rest.slice(1));
			break;
		}
		message.params.push(word());
	}
	return message;
}

/** A line with tags; the last parameter may have spaces. */
export function format(tags, command, ...params) {
	const list = Object.entries(tags).map(([key, value]) => `${key}=${escapeTag(value)}`);
	const clean = params.map((param) => param.replace(/[\r\n\0]/g, " "));
	const last = clean.pop();
	const words = [command, ...clean];
	if (last !== undefined)
		words.push(last === "" || last.startsWith(":") || last.includes(" ") ? ":" + last : last);
	return (list.length ? "@" + list.join(";") + " " : "") + words.join(" ");
}

/** Cuts a text into parts of at most max bytes of UTF-8, between characters, at spaces if possible. */
export function cut(text, max) {
	const encoder = new TextEncoder();
	const parts = [];
	let part = "", bytes = 0;
	for (const word of text.split(/(?<= )/))
		for (const piece of encoder.encode(word).length > max ? word : [word]) {
			const more = encoder.encode(piece).length;
			if (bytes + more > max) {
				parts.push(part);
				part = "";
				bytes = 0;
			}
			part += piece;
			bytes += more;
		}
	if (part)
		parts.push(part);
	return parts;
}

/** Names are equal when they differ only in the case of ASCII letters. */
export function fold(name) {
	return name.replace(/[A-Z]/g, (c) => c.toLowerCase());
}
