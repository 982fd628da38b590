-- For pgbench: the rows of a marking and its statements, without anybody to decide what to write.
\set n :n + 1
\set account random(:first, :last)
\set day :base + :client_id * 1000 + :n
BEGIN;
INSERT INTO idempotency_keys (user_id, key, fingerprint)
VALUES (:user, concat('pgbench ', :day::bigint), repeat('0', 64)) ON CONFLICT DO NOTHING;
SELECT id FROM savings_accounts WHERE business_id = :business AND id = :account FOR NO KEY UPDATE;
SELECT id AS source FROM ledger_accounts
WHERE business_id = :business AND kind = 'agent_cash' AND owner_id = :member FOR NO KEY UPDATE \gset
SELECT id AS destination FROM ledger_accounts
WHERE business_id = :business AND kind = 'savings' AND owner_id = :account FOR NO KEY UPDATE \gset
WITH entry AS (
    INSERT INTO ledger_entries (business_id, kind, reference, membership_id, business_day, at)
    VALUES (:business, 'marking.cash', concat('pgbench ', :day::bigint), :member, current_date, now()) RETURNING id
), taken AS (
    UPDATE ledger_accounts SET balance = balance - 50000 WHERE business_id = :business AND id = :source
    RETURNING balance
), given AS (
    UPDATE ledger_accounts SET balance = balance + 50000 WHERE business_id = :business AND id = :destination
    RETURNING balance
), posting AS (
    INSERT INTO ledger_postings
        (business_id, entry_id, source_id, destination_id, amount, source_balance, destination_balance)
    SELECT :business, entry.id, :source, :destination, 50000, taken.balance, given.balance FROM entry, taken, given
)
SELECT id AS entry FROM entry \gset
WITH collection AS (
    INSERT INTO collections
        (business_id, account_id, collector_id, method, amount, credit_change, collected_on, entry_id, at)
    VALUES (:business, :account, :member, 'cash', 50000, 0, current_date, :entry, now()) RETURNING id
), marked AS (
    INSERT INTO markings (business_id, account_id, collection_id, slot_date, amount, cycle, status)
    SELECT :business, :account, id, date '2030-01-01' + :day::int, 50000, 2, 'paid' FROM collection
)
SELECT id AS collection FROM collection \gset
UPDATE savings_accounts SET state = 'in_progress', credit = 0 WHERE business_id = :business AND id = :account;
WITH told AS (
    INSERT INTO outbox (business_id, topic, object_type, object_id, member_id, facts)
    VALUES (:business, 'markings.collected', 'collection', :collection, :member, jsonb_build_object('amount', 50000))
)
INSERT INTO audit_events (business_id, user_id, membership_id, action, object_type, object_id, after)
VALUES (:business, :user, :member, 'markings.collected', 'collection', :collection,
    jsonb_build_object('amount', 50000, 'account_id', :account::bigint));
UPDATE idempotency_keys SET status = 201, body = convert_to(repeat('x', 340), 'UTF8')
WHERE user_id = :user AND key = concat('pgbench ', :day::bigint);
COMMIT;
