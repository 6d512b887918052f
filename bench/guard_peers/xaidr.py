"""xaidr, enforcing; data goes in as what a tool answered."""

import sys

from _lines import answer

sys.path.pop(0)
from xaidr import Sensor

SENSOR = Sensor(agent_id="bench", enforcement_mode="block")
answer(
    lambda text, data: (
        SENSOR.scan(text, direction="tool_result" if data else "input").action != "allowed"
    )
)
