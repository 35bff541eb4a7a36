update refunds set unanswered_at = '2026-01-03T00:00:01Z' where out_refund_no = 'R0000001';
