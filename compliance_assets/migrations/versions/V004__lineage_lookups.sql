-- Forward lineage begins with a document's id, its raw object or its path: none of them may cost a walk over all documents.

SET ROLE compliance_owner;
CREATE INDEX documents_by_object ON compliance.documents (organization_id, object_sha256);
CREATE INDEX raw_pulls_by_path ON compliance.raw_pulls (organization_id, path);
RESET ROLE;
