ALTER TABLE jobs ADD COLUMN ended INTEGER;
UPDATE jobs SET ended = run_at WHERE state IN ('done', 'failed');
