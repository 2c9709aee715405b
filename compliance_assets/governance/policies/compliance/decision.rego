# The policy's decision on a request, before any of it leaves. The same file runs in process and on an OPA server.
#
# A firm changes the data beside this file (compliance/config, compliance/egress), not these rules. Where something is missing
# or misspelt there, no answer is given, which the caller takes for an outage: the request is denied.
package compliance.decision

import rego.v1

answer := {
	"allow": count(denials) == 0,
	"reason": reason,
	"policy_hash": data.compliance.bundle.hash,
	"transforms": transforms,
	"classification": raised,
	"connector_constraints": permitted_connectors,
	"partition_constraints": permitted_years,
	"provider_constraints": permitted_providers,
} if well_formed

reason := "allowed" if count(denials) == 0

reason := concat(", ", sort([denial | some denial in denials])) if count(denials) > 0

# ── the class of the request: the policy raises it, never lowers it ──────────────────────────────────────────────────

classes := ["public", "internal", "confidential", "pii", "phi"]

rank(class) := i if {
	some i, name in classes
	name == lower(class)
}

classification := classes[max([rank(input.classification), rank(least_classification)])]

default least_classification := "public"

least_classification := data.compliance.config.workloads[input.workload].least_classification

default raised := null

raised := classification if rank(classification) > rank(input.classification)

# ── denials ──────────────────────────────────────────────────────────────────────────────────────────────────────────

denials contains "unknown_workload" if not data.compliance.config.workloads[input.workload]

denials contains "unknown_deployment_profile" if not data.compliance.egress.profiles[input.deployment_profile]

denials contains "opt_in_years_not_permitted" if {
	count(input.opt_in_years) > 0
	not data.compliance.config.workloads[input.workload].opt_in_years
}

denials contains "region_outside_profile" if not region_permitted

denials contains "classification_bound_to_tenancy" if {
	classification in data.compliance.egress.bound_to_tenancy
	region != "tenancy"
}

denials contains "provider_not_permitted" if {
	permitted_providers != null
	not split(input.model, "/")[0] in permitted_providers
}

denials contains "year_not_permitted" if {
	permitted_years != null
	some year in array.concat([input.year], input.opt_in_years)
	not year in permitted_years
}

denials contains "no_connector_permitted" if permitted_connectors == []

# ── egress ───────────────────────────────────────────────────────────────────────────────────────────────────────────

# Where the model would be asked; a local model never leaves, and a provider that declares no region may be anywhere.
region := "tenancy" if startswith(input.model, "local/")

region := lower(object.get(input, "provider_region", null)) if {
	not startswith(input.model, "local/")
	is_string(input.provider_region)
}

region := "undeclared" if {
	not startswith(input.model, "local/")
	not is_string(input.provider_region)
}

region_permitted if region == "tenancy"

region_permitted if "*" in data.compliance.egress.profiles[input.deployment_profile].data_regions

region_permitted if {
	some permitted in data.compliance.egress.profiles[input.deployment_profile].data_regions
	within(region, permitted)
}

# A zone of a region lies in it: eu-central-1 in eu.
within(place, area) if place == area

within(place, area) if startswith(place, concat("", [area, "-"]))

# ── adjustments: what the data asks for where they apply, in the order of the file ───────────────────────────────────

applying := [adjustment |
	some adjustment in data.compliance.config.adjustments
	applies(adjustment.workloads, input.workload)
	applies(adjustment.classifications, classification)
]

applies(named, _) if "*" in named

applies(named, this) if this in named

transforms := [transform |
	some adjustment in applying
	some transform in object.get(adjustment, "transforms", [])
]

permitted_connectors := permitted("connectors")

permitted_years := permitted("years")

permitted_providers := permitted("providers")

# What every adjustment that says something permits; null where none does.
permitted(what) := null if count(said(what)) == 0

permitted(what) := sort([one | some one in intersection(as_set(said(what)))]) if count(said(what)) > 0

said(what) := [as_set(adjustment[what]) |
	some adjustment in applying
	is_array(object.get(adjustment, what, null))
]

# In a function of its own, and sorted as an array above: the evaluator in process loses the arguments of a function in a
# comprehension within another, and does not walk a set in order.
as_set(list) := {one | some one in list}

# ── the data and the request themselves ──────────────────────────────────────────────────────────────────────────────

well_formed if {
	is_array(input.opt_in_years)
	is_array(data.compliance.egress.bound_to_tenancy)
	every _, profile in data.compliance.egress.profiles {
		is_array(profile.data_regions)
	}
	every _, workload in data.compliance.config.workloads {
		is_boolean(workload.opt_in_years)
		rank(workload.least_classification) >= 0
	}
	every adjustment in data.compliance.config.adjustments {
		is_array(adjustment.workloads)
		is_array(adjustment.classifications)
		every key, value in adjustment {
			well_formed_member(key, value)
		}
	}
}

well_formed_member("name", value) if is_string(value)

well_formed_member(key, value) if {
	key in ["workloads", "classifications", "transforms", "connectors", "years", "providers"]
	is_array(value)
}
