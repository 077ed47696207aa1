// CatalogueStore
