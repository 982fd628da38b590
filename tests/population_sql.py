"""The statements of `tests/population.py`, in the order in which they run."""

# What a member is called by its number within the business: 0 is the admin, then agents, sub-agents, customers.
PEOPLE = (
    """
    INSERT INTO businesses (id, name, currency, timezone, is_active, created_at)
    SELECT b, 'Thrift ' || b, 'NGN', 'Africa/Lagos', true, now() - interval '3 years'
    FROM generate_series(1, :businesses) b
    """,
    """
    INSERT INTO business_settings (business_id, commission_kind, commission_value, commission_earned, agent_share,
        cycle_kind, cycle_days, weekdays, backdating_days, reversal_minutes, partial_payouts, cooldown_hours)
    SELECT id, 'one_day', 0, 'first_mark', 10000, 'days', 31, 127, 3, 15, true, 24 FROM businesses
    """,
    """
    INSERT INTO holidays (business_id, day, name)
    SELECT id, current_date + 200 + n, 'Holiday ' || n FROM businesses, generate_series(1, 5) n
    """,
    """
    INSERT INTO units (business_id, id, name, is_active)
    SELECT b, n * :businesses + b, 'Market ' || n, true
    FROM generate_series(0, 19) n, generate_series(1, :businesses) b
    """,
    """
    CREATE TEMP TABLE people ON COMMIT DROP AS
    SELECT b AS business_id, n, n * :businesses + b AS id,
        CASE WHEN n = 0 THEN 'admin' WHEN n <= :agents THEN 'agent' WHEN n < :staff THEN 'sub_agent'
             ELSE 'customer' END AS role,
        -- A sub-agent's agent, a customer's collector.
        CASE WHEN n = 0 OR n <= :agents THEN NULL WHEN n < :staff THEN n - :agents
             ELSE 1 + n % (:staff - 1) END * :businesses + b AS parent_id,
        CASE WHEN n < :staff THEN 'active' WHEN n % 23 = 0 THEN 'invited' WHEN n % 97 = 0 THEN 'deactivated'
             ELSE 'active' END AS status,
        'Person ' || n || ' of ' || b AS full_name, '+23480' || lpad((n * :businesses + b)::text, 8, '0') AS phone,
        now() - interval '2 years' * (1 - n::float / (:staff + :customers)) AS created_at
    FROM generate_series(0, :staff + :customers - 1) n, generate_series(1, :businesses) b
    """,
    """
    INSERT INTO users (id, username, phone, email, full_name, secret_hash, secret_kind, auth_version, is_super_admin,
        is_active, created_at)
    SELECT id, CASE WHEN n < :staff THEN 'person' || id END, phone,
        CASE WHEN n < :staff THEN 'person' || id || '@example.com' END, full_name,
        CASE WHEN status = 'invited' THEN NULL ELSE CAST(:secret_hash AS text) END,
        CASE WHEN status = 'invited' THEN NULL WHEN n = 0 THEN 'password' ELSE 'pin' END, 1, false, true, created_at
    FROM people ORDER BY id
    """,
    """
    INSERT INTO memberships (business_id, id, user_id, role, status, parent_id, unit_id, full_name, phone,
        invitation_hash, invitation_expires_at, created_at)
    SELECT business_id, id, id, role, status, parent_id, n % 20 * :businesses + business_id, full_name, phone,
        CASE status WHEN 'invited' THEN md5(id::text) || md5(phone) END,
        CASE status WHEN 'invited' THEN now() + interval '7 days' END, created_at
    FROM people ORDER BY id
    """,
)

# Cards, and what happened on them as `visits` (a collection each) and `wishes` (a payment request each).
SAVINGS = (
    """
    CREATE TEMP TABLE cards ON COMMIT DROP AS
    SELECT c.*, p.parent_id AS collector_id, p.phone, CASE WHEN c.closed THEN start + :days END AS ended_on
    FROM (
        SELECT b AS business_id, n, n * :businesses + b AS id, n < :each * 0.4 AS closed,
            (:staff + n % :customers) * :businesses + b AS customer_id,
            CASE WHEN n < :each * 0.3 THEN 'paid_out' WHEN n < :each * 0.4 THEN 'completed'
                 WHEN n < :each * 0.9 THEN 'in_progress' ELSE 'not_started' END AS state,
            CASE WHEN n % 37 = 0 THEN 'target' ELSE 'daily' END AS kind,
            CASE WHEN n < :each * 0.9 THEN CAST(:days AS int) ELSE 0 END AS marks,
            20000 + 10000 * (n % 9) AS contribution,
            current_date - :days - CASE WHEN n < :each * 0.4 THEN 20 + (CAST(:each AS int) - n) % 600 ELSE 1 END
                AS start
        FROM generate_series(0, :each - 1) n, generate_series(1, :businesses) b
    ) c JOIN people p ON p.id = c.customer_id
    """,
    """
    INSERT INTO savings_accounts (business_id, id, customer_id, tracking_number, kind, state, credit, start, ended_on,
        cycle_kind, cycle_days, commission_kind, commission_value, commission_earned, agent_share, created_at)
    SELECT business_id, id, customer_id, lpad((id::bigint * 7919 % 10000000000)::text, 10, '0'), kind, state, 0, start,
        ended_on, 'days', 31, 'one_day', 0, 'first_mark', 10000, start + time '08:00'
    FROM cards ORDER BY id
    """,
    """
    INSERT INTO savings_terms (business_id, id, account_id, effective_from, contribution, weekdays, cycles,
        target_amount, end_date, created_at)
    SELECT business_id, id, id, start, contribution, 127, CASE kind WHEN 'daily' THEN :days / 31 + 1 END,
        CASE kind WHEN 'target' THEN contribution * (:days / 31 + 1) * 31 END,
        CASE kind WHEN 'target' THEN start + (:days / 31 + 1) * 31 - 1 END, start + time '08:00'
    FROM cards ORDER BY id
    """,
    """
    INSERT INTO payment_accounts (business_id, id, customer_id, bank_code, account_number, account_name, nuban,
        usable_from, created_at)
    SELECT business_id, id, id, '50515', right(phone, 10), full_name, 'doubtful', created_at, created_at
    FROM people WHERE role = 'customer' AND n % 3 = 0 ORDER BY id
    """,
    # The last day of every tenth card was marked twice: the first time by mistake, taken back within the minute.
    """
    CREATE TEMP TABLE visits ON COMMIT DROP AS
    SELECT row_number() OVER (ORDER BY day, id, reversed DESC) AS id, business_id, id AS account_id, collector_id,
        day, day + time '11:00' + make_interval(secs => id % 7200) AS at, contribution AS amount, cycle, reversed,
        begins AND NOT reversed AS begins
    FROM (
        SELECT *, start + d AS day, d / 31 + 1 AS cycle, d % 31 = 0 AS begins
        FROM cards, generate_series(0, :days - 1) d WHERE marks > 0
    ) days, LATERAL (SELECT false AS reversed UNION ALL SELECT true WHERE d = :days - 1 AND n % 10 = 3) twice
    """,
    """
    CREATE TEMP TABLE wishes ON COMMIT DROP AS
    SELECT row_number() OVER (ORDER BY at, id) AS id, business_id, id AS account_id, customer_id, collector_id, status,
        CASE status WHEN 'paid' THEN contribution * (:days - (:days - 1) / 31 - 1) ELSE contribution END AS amount,
        CASE WHEN bank THEN 'transfer' ELSE 'cash' END AS method, CASE WHEN bank THEN customer_id END AS payee_id, at
    FROM (
        SELECT c.*, p.n % 3 = 0 AS bank, start + :days + time '09:00' + make_interval(secs => c.id % 3600) AS at,
            CASE WHEN c.state = 'paid_out' THEN 'paid' WHEN c.state = 'in_progress' AND c.n % 5 = 0 THEN
                (ARRAY['requested', 'approved', 'rejected', 'cancelled'])[1 + c.n / 5 % 4] END AS status
        FROM cards c JOIN people p ON p.id = c.customer_id WHERE :days > 2
    ) wanted WHERE status IS NOT NULL
    """,
    # Of a hundred expenses of a collector one waits for approval and one was refused.
    """
    CREATE TEMP TABLE spendings ON COMMIT DROP AS
    SELECT row_number() OVER (ORDER BY day, p.id, e) AS id, p.business_id, p.id AS spender_id, day,
        day + time '15:00' + make_interval(mins => e) AS at, 100 + e AS amount,
        (ARRAY['fuel', 'transport', 'airtime', 'levies', 'other'])[1 + e % 5] AS category,
        CASE (p.n + e * 13 + d * 7) % 100 WHEN 0 THEN 'requested' WHEN 1 THEN 'rejected' ELSE 'posted' END AS status
    FROM people p, generate_series(0, :days - 1) d, generate_series(0, 7) e,
        LATERAL (SELECT current_date - CAST(:days AS int) + d AS day) days
    WHERE p.role IN ('agent', 'sub_agent')
    """,
)

# The ledger: `acts` are entries of one movement each, in the order of time, and so entry and posting share an id.
TURNOVER = (
    """
    INSERT INTO ledger_accounts (business_id, id, kind, owner_id, balance, floor, ceiling)
    SELECT b, n * :businesses + b, kind, 0, 0, CASE kind WHEN 'payout_hold' THEN 0 END, NULL::bigint
    FROM generate_series(1, :businesses) b, unnest(ARRAY['business_cash', 'bank', 'gateway_clearing',
        'business_income', 'over_short', 'expenses', 'payout_hold']) WITH ORDINALITY AS kinds (kind, n)
    UNION ALL SELECT business_id, (10 + 2 * n) * :businesses + business_id, 'agent_cash', id, 0, NULL, 0
    FROM people WHERE n < :staff
    UNION ALL SELECT business_id, (11 + 2 * n) * :businesses + business_id, 'commission_payable', id, 0, NULL, NULL
    FROM people WHERE n < :staff
    UNION ALL SELECT business_id, (10 + 2 * :staff + n) * :businesses + business_id, 'savings', id, 0, 0, NULL
    FROM cards
    """,
    """
    CREATE TEMP TABLE acts ON COMMIT DROP AS
    SELECT row_number() OVER (ORDER BY at, account_id, rank, origin) AS id, *
    FROM (
        SELECT business_id, 'marking.cash' AS kind, 'collection:' || id AS reference, account_id, at, 0 AS rank,
            id AS origin, collector_id AS member_id, amount, 'agent_cash' AS source, collector_id AS source_owner,
            'savings' AS destination, account_id::bigint AS destination_owner
        FROM visits
        UNION ALL SELECT business_id, 'marking.reversed', 'reversal:' || id, account_id, at + interval '30 s', 1, id,
            collector_id, amount, 'savings', account_id, 'agent_cash', collector_id FROM visits WHERE reversed
        UNION ALL SELECT business_id, 'commission', 'commission:' || account_id || ':' || cycle || ':collection:' || id,
            account_id, at, 2, id, collector_id, amount, 'savings', account_id, 'commission_payable', collector_id
        FROM visits WHERE begins
        UNION ALL SELECT business_id, 'payment.requested', 'payment.requested:' || id, account_id, at, 3, id,
            customer_id, amount, 'savings', account_id, 'payout_hold', 0 FROM wishes
        UNION ALL SELECT business_id, 'payment.' || status, 'payment.' || status || ':' || id, account_id,
            at + interval '1 hour', 4, id, business_id, amount, 'payout_hold', 0, 'savings', account_id
        FROM wishes WHERE status IN ('rejected', 'cancelled')
        UNION ALL SELECT business_id, 'payment.paid',
            CASE method WHEN 'cash' THEN 'payment.paid:' ELSE 'transfer:BANK-' END || id, account_id,
            at + interval '2 hours', 5, id, business_id, amount, 'payout_hold', 0,
            CASE method WHEN 'cash' THEN 'business_cash' ELSE 'bank' END, 0
        FROM wishes WHERE status = 'paid'
        UNION ALL SELECT business_id, 'expense.posted', 'expense:' || id, 0, at, 6, id, spender_id, amount,
            'expenses', 0, 'agent_cash', spender_id FROM spendings WHERE status = 'posted'
    ) all_acts
    """,
    "CREATE INDEX ON acts (kind, origin)",
    "ANALYZE acts",
    "ANALYZE ledger_accounts",
    """
    INSERT INTO ledger_entries (business_id, id, kind, reference, reverses_id, membership_id, business_day, at)
    SELECT a.business_id, a.id, a.kind, a.reference, cash.id, a.member_id,
        (a.at AT TIME ZONE 'UTC' AT TIME ZONE 'Africa/Lagos')::date, a.at
    FROM acts a LEFT JOIN acts cash ON a.kind = 'marking.reversed' AND cash.kind = 'marking.cash'
        AND cash.origin = a.origin
    ORDER BY a.id
    """,
    """
    CREATE TEMP TABLE sides ON COMMIT DROP AS
    SELECT id, account_id, incoming, sum(amount) OVER (PARTITION BY account_id ORDER BY id) AS balance
    FROM (
        SELECT a.id, l.id AS account_id, true AS incoming, a.amount FROM acts a JOIN ledger_accounts l
            ON l.business_id = a.business_id AND l.kind = a.destination AND l.owner_id = a.destination_owner
        UNION ALL SELECT a.id, l.id, false, -a.amount FROM acts a JOIN ledger_accounts l
            ON l.business_id = a.business_id AND l.kind = a.source AND l.owner_id = a.source_owner
    ) both_sides
    """,
    "ANALYZE sides",
    """
    INSERT INTO ledger_postings (business_id, id, entry_id, source_id, destination_id, amount, source_balance,
        destination_balance)
    SELECT a.business_id, a.id, a.id, outgoing.account_id, arriving.account_id, a.amount, outgoing.balance,
        arriving.balance
    FROM acts a JOIN sides outgoing ON outgoing.id = a.id AND NOT outgoing.incoming
        JOIN sides arriving ON arriving.id = a.id AND arriving.incoming
    ORDER BY a.id
    """,
    """
    UPDATE ledger_accounts l SET balance = last.balance FROM (
        SELECT DISTINCT ON (account_id) account_id, balance FROM sides ORDER BY account_id, id DESC
    ) last WHERE last.account_id = l.id
    """,
)

RECORDS = (
    """
    INSERT INTO collections (business_id, id, account_id, collector_id, number, method, amount, credit_change,
        collected_on, entry_id, at, reversed_at, reversed_by_id, reversal_reason)
    SELECT v.business_id, v.id, v.account_id, v.collector_id,
        row_number() OVER (PARTITION BY v.business_id, v.collector_id ORDER BY v.id), 'cash', v.amount, 0, v.day,
        a.id, v.at,
        CASE WHEN reversed THEN v.at + interval '30 s' END, CASE WHEN reversed THEN v.collector_id END,
        CASE WHEN reversed THEN 'the wrong card' END
    FROM visits v JOIN acts a ON a.kind = 'marking.cash' AND a.origin = v.id ORDER BY v.id
    """,
    """
    INSERT INTO receipt_counters (business_id, collector_id, issued)
    SELECT business_id, collector_id, max(number) FROM collections GROUP BY business_id, collector_id
    """,
    """
    INSERT INTO markings (business_id, id, account_id, collection_id, slot_date, amount, cycle, status)
    SELECT business_id, id, account_id, id, day, amount, cycle, CASE WHEN reversed THEN 'reversed' ELSE 'paid' END
    FROM visits ORDER BY id
    """,
    """
    INSERT INTO commissions (business_id, id, account_id, cycle, agent_id, agent_amount, business_amount, status,
        entry_id, at)
    SELECT v.business_id, row_number() OVER (ORDER BY v.id), v.account_id, v.cycle, v.collector_id, v.amount, 0,
        'earned', a.id, v.at
    FROM visits v JOIN acts a ON a.kind = 'commission' AND a.origin = v.id WHERE v.begins
    """,
    """
    INSERT INTO payment_requests (business_id, id, account_id, customer_id, amount, from_credit, method,
        payment_account_id, status, approvals_needed, requested_by_id, requested_at, decided_by_id, decided_at,
        paid_by_id, paid_at, bank_reference)
    SELECT business_id, id, account_id, customer_id, amount, 0, method, payee_id, status, 1, customer_id, at,
        CASE WHEN status <> 'requested' THEN business_id END,
        CASE WHEN status <> 'requested' THEN at + interval '1 hour' END,
        CASE status WHEN 'paid' THEN business_id END, CASE status WHEN 'paid' THEN at + interval '2 hours' END,
        CASE WHEN status = 'paid' AND method = 'transfer' THEN 'BANK-' || id END
    FROM wishes ORDER BY id
    """,
    """
    INSERT INTO payment_approvals (business_id, id, request_id, requested_by_id, approver_id, at)
    SELECT business_id, id, id, customer_id, business_id, at + interval '1 hour'
    FROM wishes WHERE status IN ('approved', 'paid') ORDER BY id
    """,
)

EXPENSES = (
    """
    INSERT INTO expenses (business_id, id, spender_id, paid_from, category, amount, note, status, needs_approval,
        business_day, at, entry_id, decided_by_id, decided_at, reason)
    SELECT s.business_id, s.id, s.spender_id, 'agent_cash', s.category, s.amount, 'For the day', s.status,
        s.status <> 'posted', s.day, s.at, a.id, CASE s.status WHEN 'rejected' THEN s.business_id END,
        CASE s.status WHEN 'rejected' THEN s.at END, CASE s.status WHEN 'rejected' THEN 'too dear' END
    FROM spendings s LEFT JOIN acts a ON a.kind = 'expense.posted' AND a.origin = s.id ORDER BY s.id
    """,
    """
    INSERT INTO expense_cards (business_id, id, customer_id, name, income, spent, created_at)
    SELECT business_id, row_number() OVER (ORDER BY card, id), id, 'Budget ' || card, 100000, 30000, created_at
    FROM people, generate_series(1, 2) card WHERE role = 'customer' AND n % 4 = 0
    """,
    """
    INSERT INTO expense_card_incomes (business_id, id, card_id, amount, source, created_by_id, at)
    SELECT business_id, row_number() OVER (ORDER BY n, id), id, 50000, 'trade', customer_id, created_at
    FROM expense_cards, generate_series(1, 2) n
    """,
    """
    INSERT INTO expense_items (business_id, id, card_id, name, category, planned_amount, spent_amount, created_at,
        spent_at)
    SELECT business_id, row_number() OVER (ORDER BY n, id), id, 'Rice', 'food', 15000, CASE WHEN n < 3 THEN 15000 END,
        created_at, CASE WHEN n < 3 THEN created_at END
    FROM expense_cards, generate_series(1, 3) n
    """,
)

SIGN_INS = (
    """
    INSERT INTO sessions (id, user_id, business_id, device, address, created_at, refreshed_at, expires_at, ended_at)
    SELECT row_number() OVER (ORDER BY times.n, people.id), id, business_id, 'telephone', '192.0.2.1', began, began,
        began + interval '30 days', CASE WHEN times.n < 4 THEN began + interval '12 hours' END
    FROM people, generate_series(1, 4) times (n), LATERAL (SELECT now() - interval '10 days' * (5 - times.n)
        + make_interval(secs => people.id % 60000) AS began) at
    WHERE status <> 'invited'
    """,
    """
    INSERT INTO refresh_tokens (id, session_id, token_hash, used_at)
    SELECT 3 * (id - 1) + n, id, md5(id || ':' || n) || md5(n || ':' || id),
        CASE WHEN n < 3 THEN created_at + interval '1 day' * n END
    FROM sessions, generate_series(1, 3) n
    """,
    """
    CREATE TEMP TABLE happened ON COMMIT DROP AS
    SELECT row_number() OVER in_time AS id, *,
        (row_number() OVER (PARTITION BY business_id ORDER BY at, object_type, object_id, action) - 1) / 1000 + 1
            AS seal
    FROM (
        SELECT business_id, collector_id AS user_id, collector_id AS membership_id,
            'markings.collected' AS action, 'collection' AS object_type, id AS object_id,
            jsonb_build_object('amount', amount, 'account_id', account_id, 'collected_on', day) AS after,
            md5('v' || id) AS request_id, at
        FROM visits
        UNION ALL SELECT business_id, collector_id, collector_id, 'markings.reversed', 'collection', id,
            jsonb_build_object('amount', amount, 'reason', 'the wrong card'), md5('r' || id), at
        FROM visits WHERE reversed
        UNION ALL SELECT business_id, business_id, business_id, 'savings.opened', 'savings_account', id,
            jsonb_build_object('customer_id', customer_id, 'kind', kind), md5('s' || id), start + time '08:00'
        FROM cards
        UNION ALL SELECT business_id, business_id, business_id, 'members.added', 'member', id,
            jsonb_build_object('role', role, 'full_name', full_name), md5('m' || id), created_at FROM people
        UNION ALL SELECT business_id, customer_id, customer_id, 'payments.requested', 'payment_request', id,
            jsonb_build_object('amount', amount, 'method', method), md5('p' || id), at FROM wishes
        UNION ALL SELECT business_id, user_id, NULL, 'auth.login', 'session', id,
            jsonb_build_object('device', device), md5('l' || id), created_at FROM sessions
    ) all_that_happened WINDOW in_time AS (ORDER BY at, object_type, object_id, action)
    """,
    """
    INSERT INTO audit_events (business_id, id, user_id, membership_id, action, object_type, object_id, after,
        request_id, at, seal_id)
    SELECT business_id, id, user_id, membership_id, action, object_type, object_id, after, request_id, at,
        CASE WHEN :sealed AND seal < max(seal) OVER (PARTITION BY business_id) THEN seal END
    FROM happened ORDER BY id
    """,
    """
    INSERT INTO audit_seals (business_id, id, position, rows, digest)
    SELECT business_id, seal_id, seal_id, count(*), repeat('0', 64)
    FROM audit_events WHERE seal_id IS NOT NULL GROUP BY business_id, seal_id
    """,
    # One key for each visit, of which the last month is kept.
    """
    INSERT INTO idempotency_keys (user_id, key, fingerprint, status, body, created_at)
    SELECT collector_id, md5('k' || id), md5('f' || id) || md5('g' || id), 201, '{}',
        now() - interval '31 days' * (1 - id::float / (SELECT max(id) FROM visits))
    FROM visits ORDER BY 1, 2
    """,
    "INSERT INTO guess_budgets (subject, run, recent) SELECT 'user:' || id, 0, '{}' FROM people",
    # A day's changes, one every ten seconds, each in a transaction of its own.
    """
    INSERT INTO fact_changes (xid, subject, at)
    SELECT pg_current_xact_id()::text::bigint - 8640 + n, 'session:{' || 1 + n % 500 || '}:' || n,
        now() - interval '10 s' * (8640 - n)
    FROM generate_series(1, 8640) n
    """,
)

# A message and an SMS for each visit; the last of them are unread and wait. What is told now lies in the outbox.
NEWS = (
    """
    INSERT INTO outbox (business_id, id, topic, object_type, object_id, member_id, facts)
    SELECT business_id, id, 'markings.collected', 'collection', id, account_id, '{}'
    FROM visits ORDER BY id DESC LIMIT 2000
    """,
    """
    INSERT INTO messages (business_id, id, member_id, topic, object_type, object_id, text, created_at, read_at)
    SELECT v.business_id, v.id, c.customer_id, 'markings.collected', 'collection', v.id, 'NGN 500.00 received', v.at,
        CASE WHEN v.id % 10 > 0 THEN v.at END
    FROM visits v JOIN cards c ON c.id = v.account_id ORDER BY v.id
    """,
    """
    INSERT INTO deliveries (business_id, id, channel, lane, event_id, topic, member_id, target_id, address, content,
        state, attempts, created_at, due_at, ended_at, reference, error)
    SELECT v.business_id, v.id, CASE WHEN hook THEN 'webhook' ELSE 'sms' END,
        CASE WHEN hook THEN 'webhook:' || v.business_id ELSE 'sms:' || c.phone END, v.id, 'markings.collected',
        CASE WHEN NOT hook THEN c.customer_id END, CASE WHEN hook THEN v.business_id END,
        CASE WHEN NOT hook THEN c.phone END, '{"text": "NGN 500.00 received"}', outcome, 1, v.at, v.at,
        CASE WHEN outcome <> 'waiting' THEN v.at END, CASE outcome WHEN 'sent' THEN '32' || v.id END,
        CASE outcome WHEN 'dead' THEN 'answered 400' END
    FROM visits v JOIN cards c ON c.id = v.account_id, LATERAL (SELECT v.id % 50 = 0 AS hook, CASE
        WHEN v.id > (SELECT max(id) - 1000 FROM visits) THEN 'waiting' WHEN v.id % 70 = 1 THEN 'dead' ELSE 'sent' END
        AS outcome) as_it_is
    ORDER BY v.id
    """,
    """
    INSERT INTO sms_reports (reference, status, at)
    SELECT reference, 'delivered', created_at FROM deliveries WHERE reference IS NOT NULL
    """,
    """
    INSERT INTO notification_wishes (business_id, id, member_id, in_app, sms, email)
    SELECT business_id, id, id, true, true, false FROM people WHERE n % 10 = 0
    """,
    """
    INSERT INTO webhooks (business_id, id, url, events, seed, is_active, created_by_id)
    SELECT id, id, 'https://receiver.example/', '{}', 'token:' || md5(id::text), true, id FROM businesses
    """,
)
