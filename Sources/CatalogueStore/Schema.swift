import GRDB

/// The tables, one migration a version. What was released once is never changed, only followed by another.
enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE subscriber (
                        id TEXT PRIMARY KEY NOT NULL,
                        binding TEXT NOT NULL
                    ) WITHOUT ROWID;
                    CREATE TABLE entitlement (
                        subscriber TEXT NOT NULL REFERENCES subscriber (id) ON DELETE CASCADE,
                        scope TEXT NOT NULL,
                        until INTEGER,
                        PRIMARY KEY (subscriber, scope)
                    ) WITHOUT ROWID;
                    CREATE TABLE proxy (
                        name TEXT PRIMARY KEY NOT NULL,
                        registration TEXT NOT NULL,
                        epoch TEXT NOT NULL,
                        revision INTEGER NOT NULL,
                        next_serial INTEGER NOT NULL,
                        boot TEXT NOT NULL
                    ) WITHOUT ROWID;
                    CREATE TABLE feed_item (
                        proxy TEXT NOT NULL REFERENCES proxy (name) ON DELETE CASCADE,
                        key TEXT NOT NULL,
                        item TEXT NOT NULL,
                        PRIMARY KEY (proxy, key)
                    ) WITHOUT ROWID;
                    """)
        }
        return migrator
    }
}
