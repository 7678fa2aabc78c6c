INSERT INTO account_owner (account_id, source_id, customer_id, partition, kind, branch_id, opening_balance_minor)
VALUES (:account_id, 'A:n', :customer_id, 0, 'demand', :branch_id, 0);
INSERT INTO detection (detection_id, trigger, trigger_version, customer_id, event_key, account_id, business_date, state,
  late, amount_minor, compared_with_minor, currency, metric, branch_id, event_time, expires_at, raised_at)
VALUES (:detection_id, 'large-deposit', 1, :customer_id, 'T1', :account_id, '2026-03-16', 'raised', false, 1, 1, 'CNY',
  'm', :branch_id, now(), now() + interval '1 day', now());
INSERT INTO job (id, kind, state, params, result)
VALUES (:backtest_id, 'backtest', 'done', jsonb_build_object('trigger', 'large-deposit', 'version', 1,
  'from', '2026-01-01', 'to', '2026-03-31', 'branch', :branch_id::text), '{}');
