"""xaidr, enforcing; data goes in as what a tool answered, where it knows that direction."""

import sys

from _lines import answer

sys.path.pop(0)
from xaidr import Sensor

SENSOR = Sensor(agent_id="bench", enforcement_mode="block")
answer(lambda text, _: SENSOR.scan(text, direction="input").action != "allowed")
