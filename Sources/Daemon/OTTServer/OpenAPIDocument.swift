/// `deploy/openapi.yaml`, as it was when this program was built.
package let openAPIDocument = String(decoding: PackageResources.openapi_yaml, as: UTF8.self)
