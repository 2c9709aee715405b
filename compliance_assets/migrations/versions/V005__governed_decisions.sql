-- The governed decision path: outcomes beside decided and review, people's verdicts, approvals of the router map, the outbox.

SET ROLE compliance_owner;

-- ── model_decisions ──────────────────────────────────────────────────────────────────────────────────────────────

-- `dead`: put off more often than a deployment permits; a person looks at it.
ALTER TABLE compliance.work_items
    DROP CONSTRAINT work_items_state_check,
    ADD CONSTRAINT work_items_state_check CHECK (state IN ('queued', 'done', 'review', 'quarantined', 'denied', 'dead')),
    ADD COLUMN attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN postponed_at timestamptz;
ALTER TABLE compliance.decisions
    DROP CONSTRAINT decisions_outcome_check,
    ADD CONSTRAINT decisions_outcome_check CHECK (outcome IN ('decided', 'review', 'quarantined', 'denied'));

-- Who approved which map of workloads to models. A map that nobody approved is refused.
CREATE TABLE compliance.router_map_approvals (
    organization_id uuid NOT NULL,
    digest          text NOT NULL,
    approver        text NOT NULL,
    approved_at     timestamptz NOT NULL,
    PRIMARY KEY (organization_id, digest, approver)
);

-- ── review ───────────────────────────────────────────────────────────────────────────────────────────────────────

-- A decision that a person has to look at. `reason` is a code; particulars are sealed with the decision.
CREATE TABLE compliance.review_cases (
    organization_id uuid NOT NULL,
    response_id     text NOT NULL,
    year            integer NOT NULL,
    workload        text NOT NULL,
    queue           text NOT NULL CHECK (queue IN ('review', 'quarantine')),
    reason          text NOT NULL,
    state           text NOT NULL CHECK (state IN ('open', 'approved', 'rejected', 'overridden')),
    four_eyes       boolean NOT NULL,
    opened_at       timestamptz NOT NULL,
    closed_at       timestamptz,
    PRIMARY KEY (organization_id, response_id),
    CHECK ((state = 'open') = (closed_at IS NULL))
);
-- Decisions that waited for a person before there were cases.
ALTER TABLE compliance.decisions NO FORCE ROW LEVEL SECURITY; -- the rows of every organisation, whoever migrates
INSERT INTO compliance.review_cases
    (organization_id, response_id, year, workload, queue, reason, state, four_eyes, opened_at)
    SELECT organization_id, response_id, year, workload, 'review', split_part(coalesce(reason, ''), ':', 1), 'open', false,
           decided_at
    FROM compliance.decisions WHERE outcome = 'review';
ALTER TABLE compliance.decisions FORCE ROW LEVEL SECURITY;
CREATE INDEX review_cases_open ON compliance.review_cases (organization_id, queue, opened_at) WHERE state = 'open';

CREATE TABLE compliance.review_signatures (
    organization_id uuid NOT NULL,
    response_id     text NOT NULL,
    reviewer        text NOT NULL,
    verdict         text NOT NULL CHECK (verdict IN ('approve', 'reject', 'override')),
    signed_at       timestamptz NOT NULL,
    seq             bigint NOT NULL,
    PRIMARY KEY (organization_id, response_id, reviewer),
    FOREIGN KEY (organization_id, response_id) REFERENCES compliance.review_cases
);

-- One row for training from each closed case; what was said stays sealed in the ledger.
CREATE TABLE compliance.review_outcomes (
    organization_id uuid NOT NULL,
    response_id     text NOT NULL,
    year            integer NOT NULL,
    workload        text NOT NULL,
    release_id      text NOT NULL,
    outcome         text NOT NULL CHECK (outcome IN ('approved', 'rejected', 'overridden')),
    model_decision  text,
    final_decision  text,
    confidence      double precision NOT NULL,
    reason          text NOT NULL,
    reviewed_at     timestamptz NOT NULL,
    PRIMARY KEY (organization_id, response_id)
);

-- What people and systems are told, written with what it tells of and delivered afterwards. Ids, codes and counts alone.
CREATE TABLE compliance.notifications (
    organization_id uuid NOT NULL,
    notification_id text NOT NULL,
    kind            text NOT NULL,
    subject_id      text NOT NULL,
    target          text NOT NULL,
    payload         text NOT NULL,
    state           text NOT NULL CHECK (state IN ('queued', 'delivered', 'dead')),
    attempts        integer NOT NULL DEFAULT 0,
    last_error      text,
    next_attempt_at timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    delivered_at    timestamptz,
    PRIMARY KEY (organization_id, notification_id)
);
CREATE INDEX notifications_due ON compliance.notifications (organization_id, next_attempt_at) WHERE state = 'queued';

-- ── tenancy and rights ───────────────────────────────────────────────────────────────────────────────────────────

DO $$
DECLARE relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY[
        'router_map_approvals', 'review_cases', 'review_signatures', 'review_outcomes', 'notifications'
    ] LOOP
        EXECUTE format('ALTER TABLE compliance.%I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE compliance.%I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format('CREATE POLICY organization ON compliance.%I '
                       'USING (organization_id = compliance.current_organization()) '
                       'WITH CHECK (organization_id = compliance.current_organization())', relation);
        EXECUTE format('GRANT SELECT, INSERT ON compliance.%I TO compliance_app', relation);
        EXECUTE format('GRANT SELECT ON compliance.%I TO compliance_auditor', relation);
    END LOOP;
END $$;
GRANT UPDATE ON compliance.review_cases, compliance.review_outcomes, compliance.notifications TO compliance_app;
-- Erasure.
GRANT DELETE ON compliance.review_outcomes, compliance.notifications TO compliance_app;
RESET ROLE;
