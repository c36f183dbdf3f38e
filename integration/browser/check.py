#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The web client in a real browser: logs in, talks, loses its connection without losing a line, scrolls back.

    check.py chromium|firefox WEB-PORT IRC-PORT DIRECTORY [SCREENSHOTS]

The accounts ann, who can log in by SCRAM only, and eve, who can by PLAIN only, have the password "secret-words".
Screenshots are written to SCREENSHOTS if it is there.
"""

import os
import selectors
import socket
import sys
import threading
import time

from browsers import Chromium, Firefox

AWAY_LINES = 120  # more than the client asks for at once


class Cable:
    """A TCP proxy on loopback that can be cut."""

    def __init__(self, port):
        self.port_behind = port
        self.is_cut = False
        self.pairs = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            front = self.listener.accept()[0]
            if self.is_cut:
                front.close()
                continue
            back = socket.create_connection(("127.0.0.1", self.port_behind))
            self.pairs.append((front, back))
            for one, other in ((front, back), (back, front)):
                threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    @staticmethod
    def carry(one, other):
        try:
            while more := one.recv(65536):
                other.sendall(more)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self):
        self.is_cut = True
        for pair in self.pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs.clear()

    def mend(self):
        self.is_cut = False


class Friend:
    """Another client, over TCP."""

    def __init__(self, nick, port):
        self.heard = ""
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.waits = selectors.DefaultSelector()
        self.waits.register(self.socket, selectors.EVENT_READ)
        self.say(f"CAP REQ :message-tags\r\nNICK {nick}\r\nUSER {nick} 0 * :{nick}\r\nCAP END\r\nJOIN #hall")
        self.hear(" 366 ")

    def say(self, line):
        self.socket.sendall(line.encode() + b"\r\n")

    def read(self, seconds):
        if not self.waits.select(seconds):
            return
        more = self.socket.recv(65536)
        if not more:
            raise AssertionError("the server has closed the friend's connection")
        self.heard += more.decode()

    def hear(self, text, seconds=120):
        until = time.monotonic() + seconds
        while text not in self.heard:
            if time.monotonic() > until:
                raise AssertionError(f"the friend waited in vain for {text!r}: {self.heard[-500:]}")
            self.read(1)


def log_count(browser, text):
    return browser.value(f"Array.from(document.querySelectorAll('#log .line')).filter((line) => "
                         f"line.textContent.includes({text!r})).length")


def wait_line(browser, text):
    browser.wait(f"the line {text!r}", f"document.getElementById('log').textContent.includes({text!r})")


def try_to_log_in(browser, port, nick, password):
    browser.visit("about:blank")
    browser.visit(f"http://127.0.0.1:{port}/#hall")
    browser.value("document.getElementById('nick').focus()")
    browser.type(nick)
    browser.value("document.getElementById('password').focus()")
    browser.type(password)
    browser.enter()


def log_in(browser, port, nick="ann"):
    browser.resize(1000, 640)
    try_to_log_in(browser, port, nick, "secret-words")
    browser.wait("the channel", "document.getElementById('title').textContent === '#hall'")
    browser.wait("the people", "document.getElementById('people-list').textContent.includes('bob')")
    # The keyboard is where the next message is written.
    assert browser.value("document.activeElement.id") == "say"


def talk(browser, friend):
    friend.say("PRIVMSG #hall :good morning, ann")
    wait_line(browser, "good morning, ann")
    browser.type("good morning, bob")
    browser.wait("the key strokes", "document.getElementById('say').value === 'good morning, bob'")
    friend.hear("+typing=active")
    browser.enter()
    friend.hear("PRIVMSG #hall :good morning, bob")
    browser.wait("the receipt", "document.querySelector('.receipt')?.textContent === '✓ 1'")
    friend.say("@+typing=active TAGMSG #hall")
    browser.wait("who is typing", "document.getElementById('typing').textContent.includes('bob is typing')")
    friend.say("PRIVMSG #hall :<img src=x onerror=alert(1)>")
    wait_line(browser, "<img src=x onerror=alert(1)>")
    assert browser.value("document.querySelectorAll('#log img').length") == 0
    friend.say("PRIVMSG ann :a word in private")
    browser.wait("the unread count", "document.querySelector('#room-list .count')?.textContent === '1'")


def lose_nothing(browser, friend, cable):
    cable.cut()
    browser.wait("the status", "document.getElementById('status').textContent.includes('Not connected')")
    friend.hear("QUIT :")
    for number in range(AWAY_LINES):
        friend.say(f"PRIVMSG #hall :while you were away [{number}]")
    friend.say("PING all-said")
    friend.hear("all-said")
    browser.type("said without a connection")
    browser.enter()
    browser.wait("the waiting line", "document.querySelector('.line.waiting') !== null")
    cable.mend()
    friend.hear("PRIVMSG #hall :said without a connection")
    wait_line(browser, f"while you were away [{AWAY_LINES - 1}]")
    browser.wait("nothing waits", "document.querySelector('.line.waiting') === null")
    for number in range(AWAY_LINES):
        assert log_count(browser, f"away [{number}]") == 1, number
    assert log_count(browser, "said without a connection") == 1
    friend.say("PING counted")
    friend.hear("counted")
    assert friend.heard.count("said without a connection") == 1


def scroll_back(browser, friend, port):
    """A new page has the last lines, and the others when the reader scrolls up."""
    friend.heard = ""
    browser.visit("about:blank")
    friend.hear("QUIT :")
    log_in(browser, port)
    wait_line(browser, "said without a connection")
    assert log_count(browser, "good morning, ann") == 0
    browser.wait("the first lines", "(() => { const log = document.getElementById('log'); log.scrollTop = 0; "
                 "log.dispatchEvent(new Event('scroll')); "
                 "return log.textContent.includes('good morning, ann'); })()")
    assert log_count(browser, "away [0]") == 1


def logs_in_to_an_old_account(browser, port):
    try_to_log_in(browser, port, "eve", "other-words")
    browser.wait("the refusal", "document.body.textContent.includes('SASL authentication failed')")
    log_in(browser, port, "eve")


def sees_public_history(browser, friend, port):
    """A guest sees what was said before she came if the channel has mode H, since that was set; else nothing."""
    for word, channel in (("private", "#private"), ("public", "#public")):
        friend.say(f"JOIN {channel}")
        if word == "public":
            friend.say(f"MODE {channel} +H")
        friend.say(f"PRIVMSG {channel} :a {word} word before")
        friend.say(f"PING {word}")
        friend.hear(f" PONG irc.test :{word}")
        browser.visit("about:blank")
        browser.visit(f"http://127.0.0.1:{port}/{channel}")
        browser.value("document.getElementById('nick').focus()")
        browser.type(f"guest-{word}")
        browser.enter()
        browser.wait("the channel", f"document.getElementById('title').textContent === {channel!r}")
        if word == "public":
            wait_line(browser, "a public word before")
        friend.hear(f":guest-{word}!")
        friend.say(f"PRIVMSG {channel} :a {word} word after")
        wait_line(browser, f"a {word} word after")
        assert log_count(browser, f"a {word} word before") == (word == "public")


def can_be_read_aloud(browser):
    """Each control has a name, and no part of the page is wider than a phone."""
    unnamed = browser.value("Array.from(document.querySelectorAll('#chat button, #chat input, #chat textarea'))"
                            ".filter((one) => !one.textContent.trim() && !one.labels?.length).length")
    assert unnamed == 0, f"{unnamed} controls without a name"
    assert browser.value("document.getElementById('log').getAttribute('role')") == "log"
    browser.resize(390, 700)
    browser.wait("a narrow page", "document.documentElement.scrollWidth <= innerWidth && innerWidth === 390")
    browser.value("document.getElementById('show-rooms').click()")
    assert browser.value("document.getElementById('show-rooms').getAttribute('aria-expanded')") == "true"
    assert browser.value("getComputedStyle(document.getElementById('rooms')).display") == "block"
    browser.value("document.getElementById('show-rooms').click()")


def shoot(browser, directory, name):
    if directory:
        with open(os.path.join(directory, f"web-{browser.name}-{name}.png"), "wb") as file:
            file.write(browser.screenshot())


def main():
    kind, web_port, irc_port, directory, *screenshots = sys.argv[1:]
    screenshots = screenshots[0] if screenshots else None
    os.makedirs(directory, exist_ok=True)
    cable = Cable(int(web_port))
    friend = Friend("bob", int(irc_port))
    browser = (Chromium if kind == "chromium" else Firefox)(directory)
    try:
        log_in(browser, cable.port)
        talk(browser, friend)
        shoot(browser, screenshots, "desktop")
        lose_nothing(browser, friend, cable)
        scroll_back(browser, friend, cable.port)
        can_be_read_aloud(browser)
        shoot(browser, screenshots, "phone")
        sees_public_history(browser, friend, cable.port)
        logs_in_to_an_old_account(browser, cable.port)
    finally:
        browser.close()
    print(f"{kind}: logged in by SCRAM and PLAIN, talked, lost no line, scrolled back, saw public history")


main()
