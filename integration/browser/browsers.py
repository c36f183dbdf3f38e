# SPDX-License-Identifier: MIT
"""Headless Chromium (DevTools protocol) and Firefox (WebDriver BiDi), each with the same few methods."""

import base64
import json
import re
import subprocess
import time
import urllib.request

import websocket

START_S = 120


class Browser:
    """command: the program and its options. It says on its standard error where it listens."""

    def __init__(self, command, pattern):
        self.count = 0
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for line in self.process.stderr:
            found = re.search(pattern, line)
            if found:
                self.address = found.group(1)
                break
        else:
            raise RuntimeError(f"{command[0]} has ended")

    def open_socket(self, address):
        self.socket = websocket.create_connection(address, suppress_origin=True, timeout=START_S)

    def call(self, method, **params):
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": params}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.count:
                if "result" not in answer:
                    raise RuntimeError(f"{method}: {answer}")
                return answer["result"]

    def wait(self, what, expression, seconds=120):
        until = time.monotonic() + seconds
        while not self.value(expression):
            if time.monotonic() > until:
                raise AssertionError(f"waited in vain: {what}\n{self.value('document.body.innerText')}")
            time.sleep(0.05)

    def close(self):
        self.process.terminate()
        self.process.wait()


class Chromium(Browser):
    name = "chromium"

    def __init__(self, directory):
        super().__init__(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--remote-debugging-port=0", f"--user-data-dir={directory}", "about:blank"],
            r"DevTools listening on ws://([^/]+)/")
        pages = json.load(urllib.request.urlopen(f"http://{self.address}/json/list"))
        self.open_socket(next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page"))

    def visit(self, url):
        self.call("Page.navigate", url=url)
        self.wait("the page", f"document.readyState === 'complete' && location.href === {url!r}")

    def value(self, expression):
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def type(self, text):
        self.call("Input.insertText", text=text)

    def enter(self):
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        self.call("Input.dispatchKeyEvent", type="keyDown", **key)
        self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def resize(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 500)

    def screenshot(self):
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])


class Firefox(Browser):
    name = "firefox"

    def __init__(self, directory):
        super().__init__(
            ["firefox-esr", "--headless", "--no-remote", "--profile", directory, "--remote-debugging-port", "0"],
            r"WebDriver BiDi listening on (ws://\S+)")
        self.open_socket(self.address + "/session")
        self.call("session.new", capabilities={})
        self.context = self.call("browsingContext.getTree")["contexts"][0]["context"]

    def visit(self, url):
        self.call("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def value(self, expression):
        answer = self.call("script.evaluate", expression=expression, target={"context": self.context},
                           awaitPromise=True)
        if answer["type"] != "success":
            raise RuntimeError(str(answer))
        return answer["result"].get("value")

    def press(self, keys):
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.call("input.performActions", context=self.context,
                  actions=[{"type": "key", "id": "keyboard", "actions": actions}])

    def type(self, text):
        self.press(text)

    def enter(self):
        self.press("\ue007")

    def resize(self, width, height):
        self.call("browsingContext.setViewport", context=self.context,
                  viewport={"width": width, "height": height})

    def screenshot(self):
        return base64.b64decode(self.call("browsingContext.captureScreenshot", context=self.context)["data"])
