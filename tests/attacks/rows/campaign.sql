INSERT INTO employee (employee_id, branch_id, role) VALUES (:employee_id, :branch_id, 'relationship_manager');
INSERT INTO proj_party (customer_id, party_kind, branch_id, manager_id, personalisation, products, product_kinds)
VALUES (:customer_id, 'person', :branch_id, :employee_id, true, '{}', '{}');
INSERT INTO opportunity (id, trigger, subject, event_key, trigger_version, detection_id, customer_id, partition, branch_id,
  campaign, campaign_version, control_share_bp, arm, assigned, state, business_date, window_ends_on, late, opened_at,
  escalates_at, expires_at, task_id)
VALUES (:opportunity_id, 'large-deposit', :customer_id::text, 'T1', 1, :detection_id, :customer_id, 0, :branch_id,
  'large-deposit', 1, 1000, 'treated', true, 'open', '2026-03-16', '2026-04-03', false, now(), now() + interval '1 day',
  now() + interval '2 days', :task_id);
INSERT INTO contact (id, customer_id, branch_id, channel, direction, message_class, state, at, hold_until, beyond_policy)
VALUES (:contact_id, :customer_id, :branch_id, 'relationship_manager', 'outbound', 'marketing', 'reserved', now(),
  now() + interval '1 day', false);
INSERT INTO task (id, customer_id, branch_id, campaign, family, channel, employee_id, contact_id, state, escalated,
  business_date, created_at, due_at)
VALUES (:task_id, :customer_id, :branch_id, 'large-deposit', 'f', 'relationship_manager', :employee_id, :contact_id,
  'open', false, '2026-03-16', now(), now() + interval '2 days');
INSERT INTO suppression (id, level, subject, customer_id, branch_id, starts_at, permanent, reason, source, created_by)
VALUES (:suppression_id, 'customer', :customer_id::text, :customer_id, :branch_id, now(), true, 'r', 'complaint', 'x');
-- Nobody is held out of everything: chance alone would tell two strangers apart.
INSERT INTO policy (kind, version, content, created_by) VALUES ('holdout', 100 + :n, '{"universal_share_bp": 0}', 'x');
