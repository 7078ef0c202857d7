-- Wakes the workers. Never within a writing transaction: NOTIFY takes a lock of the whole cluster through the commit.
notify calmony_outbox
