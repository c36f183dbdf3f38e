# SPDX-License-Identifier: MIT
"""Where the peer is: its address, whether that is validated, and what may be sent there (sections 6.3 and 13)."""
import os

AMPLIFICATION = 3
CHALLENGES = 5


class Path:
    def __init__(self, address, is_validated, received=0):
        self.address, self.is_validated = address, is_validated
        self.received, self.sent = received, 0
        self.challenge, self.challenges_left = None, 0
        self.challenge_at, self.interval_s = None, 0
        # The one before that was validated.
        self.fallback = None

    def allowance(self):
        if self.is_validated:
            return 1 << 30
        return AMPLIFICATION * self.received - self.sent

    def start_challenges(self, now, interval_s):
        self.challenge, self.challenges_left = os.urandom(8), CHALLENGES
        self.challenge_at, self.interval_s = now, interval_s

    def is_challenge_due(self, now):
        return self.challenge_at is not None and now >= self.challenge_at

    def on_challenge_sent(self, now):
        self.challenges_left -= 1
        self.challenge_at = now + self.interval_s
        self.interval_s *= 2

    def on_response(self, data):
        if data == self.challenge:
            self.is_validated, self.challenge, self.challenge_at, self.fallback = True, None, None, None
        return self.is_validated
