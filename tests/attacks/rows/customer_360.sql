INSERT INTO party (customer_id, source, source_id, party_kind, branch_id, manager_id, personalisation, version, updated_at)
VALUES (:customer_id, 't', 'P:n', 'person', :branch_id, :employee_id, true, 1, now());
INSERT INTO employee (employee_id, branch_id, role, name) VALUES (:employee_id, :branch_id, 'relationship_manager', 'x');
INSERT INTO branch (branch_id, parent_id, name) VALUES (:branch_id, 'HQ', :branch_id);
