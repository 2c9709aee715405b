"""Named automation conditions: when an asset follows the room before it by itself, within its year.

A condition asks for what changed, never for what was made again: a year that was materialised into the same data starts
nothing. A run that fails is not asked for again, since it would be at every tick: its own retries are in `policies`, and after
them a person, or the next change.
"""

import dagster as dg

#: A year is materialised once the same year of a room before it became other data, has passed its blocking checks, and neither
#: of them is being worked on. The data version is what an asset returns with its materialisation.
FOLLOWS_DATA = (
    dg.AutomationCondition.any_deps_match(dg.AutomationCondition.data_version_changed()).since_last_handled()
    & ~dg.AutomationCondition.any_deps_missing()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & dg.AutomationCondition.all_deps_blocking_checks_passed()
    & ~dg.AutomationCondition.in_progress()
).with_label("follows_changed_data")
